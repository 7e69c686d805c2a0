use super::entry::LogEntry;
use super::state::PlcState;
use super::{Operation, audit};
use crate::block::Cid;
use crate::error::Result;
use crate::ident::Did;
use crate::key::VerifyingKey;
use crate::limits::{PLC_OPERATIONS_MAX, PLC_RECOVERY_MICROS};
use crate::problem::{Code, Problem};

/// The verified log of a did:plc identity.
///
/// A value of this type proves that every operation is signed by a rotation key in force, that the
/// DID is the hash of the first operation, and that history was rewritten only by keys of higher
/// priority and within 72 hours. The times, and that no operation is missing at the end, rely on
/// the directory. Specification: <https://web.plc.directory/spec/v0.1/did-plc>.
///
/// ```
/// use carrack::identity::plc::{Operation, PlcLog, PlcState};
/// use carrack::env::SystemRandom;
/// use carrack::key::{Curve, SigningKey};
/// let key = SigningKey::generate(Curve::K256, &SystemRandom)?;
/// let genesis = Operation::genesis(PlcState::default())
///     .rotation_keys(&[key.verifying_key()])
///     .handles(&["a.example"])
///     .sign(&key)?;
/// let mut log = PlcLog::begin(genesis, 1_700_000_000_000_000)?;
/// let moved = Operation::update(&log)?.pds("https://new.example").sign(&key)?;
/// log.append(moved, 1_700_000_001_000_000)?;
/// assert_eq!(log.state().unwrap().pds(), Some("https://new.example"));
/// assert_eq!(PlcLog::verify(log.to_json().as_bytes())?, log);
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlcLog {
    did: Did,
    entries: Vec<LogEntry>,
    /// Indexes in `entries` of the operations in force, each the predecessor of the next.
    standing: Vec<usize>,
}

impl PlcLog {
    /// Verifies an audit log, as the directory's `/{did}/log/audit` returns it: signatures, CIDs,
    /// the DID, predecessors, nullifications and the order in time. The log's own claims of
    /// nullification are compared with the rules.
    ///
    /// # Errors
    /// `BadLog` with the first operation, counted from 0, that breaks a rule.
    pub fn verify(json: &[u8]) -> Result<Self, Problem> {
        Self::verify_claims(audit::read(json)?)
    }

    /// Verifies lines of a directory's export (`/export`) as [`PlcLog::verify`] does: those of `did`,
    /// or all of them, which have to be of one identity then. Where a line does not say whether its
    /// operation was nullified, nothing is compared.
    ///
    /// # Errors
    /// `BadLog` with the first operation of the identity, counted from 0, that breaks a rule; if
    /// there are lines of several identities and none is named; if there is none of `did`.
    pub fn verify_lines(lines: &[u8], did: Option<&Did>) -> Result<Self, Problem> {
        Self::verify_claims(audit::read_lines(lines, did)?)
    }

    fn verify_claims(claims: Vec<audit::Claim>) -> Result<Self, Problem> {
        let flags: Vec<Option<bool>> = claims.iter().map(|claim| claim.nullified).collect();
        let mut log: Option<Self> = None;
        for (place, claim) in claims.into_iter().enumerate() {
            if claim.cid != claim.operation.cid().to_string() {
                return Err(problem(place, &claim.operation, "its CID is not the one stated"));
            }
            match &mut log {
                None => log = Some(Self::begin(claim.operation, claim.created_micros)?),
                Some(log) => log.append(claim.operation, claim.created_micros)?,
            }
            if log.as_ref().is_some_and(|log| log.did.as_str() != claim.did) {
                let why = format!("operation {place}: its DID is not that of the first operation");
                return Err(Problem::new(Code::BadLog, why));
            }
        }
        let log = log.ok_or_else(|| Problem::new(Code::BadLog, "the log is empty"))?;
        for (place, (claimed, entry)) in flags.into_iter().zip(&log.entries).enumerate() {
            if let Some(claimed) = claimed.filter(|claimed| *claimed != entry.nullified) {
                let why = format!("the log says nullified: {claimed}, wrongly");
                return Err(problem(place, &entry.operation, &why));
            }
        }
        Ok(log)
    }

    /// Starts a log with this operation. `created_micros` is its time in microseconds since 1970.
    ///
    /// # Errors
    /// `BadLog` if it is not a genesis, or not signed by one of its own rotation keys.
    pub fn begin(genesis: Operation, created_micros: u64) -> Result<Self, Problem> {
        let at = |why: &str| problem(0, &genesis, why);
        let (Some(did), Some(state)) = (genesis.genesis_did(), genesis.state()) else {
            return Err(at("the first operation has a predecessor"));
        };
        let signer = genesis.signer_among(&state.rotation_keys).map_err(|why| at(&why))?;
        let entry = LogEntry { operation: genesis, created_micros, signer, nullified: false };
        Ok(Self { did, entries: vec![entry], standing: vec![0] })
    }

    /// Appends an operation, and nullifies those that it undoes. `created_micros` is its time in
    /// microseconds since 1970.
    ///
    /// # Errors
    /// `BadLog` if it breaks a rule; the log is unchanged then.
    pub fn append(&mut self, operation: Operation, created_micros: u64) -> Result<(), Problem> {
        let place = self.entries.len();
        let (after, signer) = self
            .check_next(&operation, created_micros)
            .map_err(|why| problem(place, &operation, &why))?;
        for undone in self.standing.drain(after + 1..) {
            if let Some(entry) = self.entries.get_mut(undone) {
                entry.nullified = true;
            }
        }
        self.entries.push(LogEntry { operation, created_micros, signer, nullified: false });
        self.standing.push(place);
        Ok(())
    }

    /// The identity's DID.
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// The CIDs of the operations in force, oldest first.
    pub fn chain(&self) -> impl Iterator<Item = &Cid> {
        self.standing_entries().map(|entry| entry.operation.cid())
    }

    /// For each operation, in the log's order, whether a later one nullified it.
    pub fn nullified(&self) -> Vec<bool> {
        self.entries.iter().map(|entry| entry.nullified).collect()
    }

    /// Whether the identity was ended by a tombstone.
    pub fn tombstoned(&self) -> bool {
        self.state().is_none()
    }

    /// The identity's present state; `None` after a tombstone.
    pub fn state(&self) -> Option<&PlcState> {
        self.standing_entries().next_back()?.operation.state()
    }

    /// The key that signs commits now; `None` if there is none or it cannot be used.
    pub fn signing_key(&self) -> Option<VerifyingKey> {
        self.state()?.signing_key()
    }

    /// Encodes the log as JSON, in the form that [`PlcLog::verify`] reads.
    pub fn to_json(&self) -> String {
        audit::write(&self.did, &self.entries)
    }

    /// The operations in force, oldest first; never empty.
    pub(super) fn standing_entries(&self) -> impl DoubleEndedIterator<Item = &LogEntry> {
        self.standing.iter().filter_map(|place| self.entries.get(*place))
    }

    /// The index of this CID in `standing`, its operation and, if there is one, the next in force.
    pub(super) fn fork(&self, cid: &Cid) -> Option<(usize, &LogEntry, Option<&LogEntry>)> {
        let from_end = self.standing_entries().rev().position(|e| e.operation.cid() == cid)?;
        let at = self.standing.len().checked_sub(from_end + 1)?;
        let mut entries = self.standing_entries().skip(at);
        Some((at, entries.next()?, entries.next()))
    }

    /// The index in `standing` that the operation follows, and the key there that signed it.
    fn check_next(
        &self,
        operation: &Operation,
        created_micros: u64,
    ) -> Result<(usize, usize), String> {
        if self.entries.len() >= PLC_OPERATIONS_MAX {
            return Err(format!("the log has more than {PLC_OPERATIONS_MAX} operations"));
        }
        let prev = operation.prev().ok_or("a second operation without a predecessor")?;
        let Some((at, before, disputed)) = self.fork(prev) else {
            let known = self.entries.iter().any(|entry| entry.operation.cid() == prev);
            let what = if known { "is nullified" } else { "is not in the log" };
            return Err(format!("its predecessor {prev} {what}"));
        };
        if self.entries.last().is_some_and(|last| created_micros <= last.created_micros) {
            return Err("it is not later than the operation before it".to_owned());
        }
        let keys = &before.operation.state().ok_or("it follows a tombstone")?.rotation_keys;
        let signer = operation.signer_among(keys)?;
        if let Some(disputed) = disputed {
            if signer >= disputed.signer {
                return Err("its key has no priority over that of the operation it undoes".into());
            }
            if created_micros - disputed.created_micros > PLC_RECOVERY_MICROS {
                return Err("it undoes an operation that is older than 72 hours".to_owned());
            }
        }
        Ok((at, signer))
    }
}

fn problem(place: usize, operation: &Operation, why: &str) -> Problem {
    Problem::new(Code::BadLog, format!("operation {place}: {why}")).cid(operation.cid())
}
