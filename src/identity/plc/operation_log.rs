use super::{Operation, PlcLog, PlcState, audit};
use crate::block::Cid;
use crate::ident::Did;
use crate::key::VerifyingKey;
use crate::problem::{Code, Problem};

/// The verified operations of a did:plc identity without their times, as the directory's
/// `/{did}/log` gives them.
///
/// A value of this type proves that the DID is the hash of the first operation, and that each other
/// one follows the one before it and is signed by a rotation key in force. What it does not prove:
/// when an operation was made; that none is missing at the end; and whether operations were undone,
/// since those are not in this form of the log and nor are the times that decide about them. For
/// that, verify the audit log ([`PlcLog`]).
///
/// ```
/// use carrack::identity::plc::{Operation, OperationLog, PlcState};
/// use carrack::env::SystemRandom;
/// use carrack::key::{Curve, SigningKey};
/// let key = SigningKey::generate(Curve::K256, &SystemRandom)?;
/// let genesis = Operation::genesis(PlcState::default())
///     .rotation_keys(&[key.verifying_key()])
///     .signing_key(&key.verifying_key())
///     .sign(&key)?;
/// let log = OperationLog::verify(format!("[{}]", genesis.to_json()).as_bytes())?;
/// assert_eq!(Some(log.did()), genesis.genesis_did().as_ref());
/// assert_eq!(log.signing_key(), Some(key.verifying_key()));
/// assert!(log.former_signing_keys().is_empty());
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationLog {
    /// With the place of each operation for its time.
    log: PlcLog,
}

impl OperationLog {
    /// Verifies a list of operations, as the directory's `/{did}/log` returns it.
    ///
    /// # Errors
    /// `BadLog` with the first operation, counted from 0, that breaks a rule.
    pub fn verify(json: &[u8]) -> Result<Self, Problem> {
        let mut log: Option<PlcLog> = None;
        for (place, operation) in audit::read_operations(json)?.into_iter().enumerate() {
            match &mut log {
                None => log = Some(PlcLog::begin(operation, 0)?),
                Some(log) => {
                    follows(&operation, log, place)?;
                    log.append(operation, place as u64)?;
                }
            }
        }
        let log = log.ok_or_else(|| Problem::new(Code::BadLog, "the log is empty"))?;
        Ok(Self { log })
    }

    /// The identity's DID.
    pub fn did(&self) -> &Did {
        self.log.did()
    }

    /// The CIDs of the operations, oldest first.
    pub fn chain(&self) -> impl Iterator<Item = &Cid> {
        self.log.chain()
    }

    /// Whether the identity was ended by a tombstone.
    pub fn tombstoned(&self) -> bool {
        self.log.tombstoned()
    }

    /// The identity's state after the last operation; `None` after a tombstone.
    pub fn state(&self) -> Option<&PlcState> {
        self.log.state()
    }

    /// The key that signs commits by the last operation; `None` if there is none or it cannot be
    /// used.
    pub fn signing_key(&self) -> Option<VerifyingKey> {
        self.log.signing_key()
    }

    /// The keys that signed commits by earlier operations and no longer do, oldest first.
    pub fn former_signing_keys(&self) -> Vec<VerifyingKey> {
        let periods = self.log.signing_keys_at_any_time().into_iter();
        let ended = periods.filter(|period| period.until_micros.is_some());
        ended.map(|period| period.value).collect()
    }
}

/// This form of the log has no operation that was undone, so each follows the one before it.
fn follows(operation: &Operation, log: &PlcLog, place: usize) -> Result<(), Problem> {
    if operation.prev() == log.chain().last() {
        return Ok(());
    }
    let why = format!("operation {place}: its predecessor is not the operation before it");
    Err(Problem::new(Code::BadLog, why).cid(operation.cid()))
}
