use super::operation::{Operation, encode};
use super::state::{HANDLE_SCHEME, PDS_KIND, PDS_SERVICE, SIGNING_METHOD};
use super::{PlcLog, PlcState, Service};
use crate::block::Cid;
use crate::env::Clock;
use crate::error::{Entity, Error, Result};
use crate::key::{SignatureStatus, Signer, VerifyingKey};
use crate::limits::{PLC_NEW_OPERATION_BYTES_MAX, PLC_RECOVERY_MICROS, PLC_ROTATION_KEYS_MAX};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};

/// An operation that is not signed yet. It starts from the identity's state and keeps what is not
/// changed.
///
/// Created by [`Operation::genesis`], [`Operation::update`], [`Operation::recovery`] or
/// [`Operation::tombstone`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Draft {
    prev: Option<Cid>,
    /// None for a tombstone.
    state: Option<PlcState>,
    /// did:keys that may sign it; those of a genesis are its own.
    signers: Option<Vec<String>>,
}

/// Limits of the directory, besides those of [`crate::limits`]: entries of a list, and characters
/// of a name, an id, a service's type and its URL.
const ENTRIES_MAX: usize = 10;
const ALSO_KNOWN_AS_CHARS_MAX: usize = 258;
const ID_CHARS_MAX: usize = 32;
const SERVICE_KIND_CHARS_MAX: usize = 96;
const ENDPOINT_CHARS_MAX: usize = 256;

impl Operation {
    /// Starts a new identity. It needs rotation keys, one of which must sign.
    pub fn genesis(state: PlcState) -> Draft {
        Draft { prev: None, state: Some(state), signers: None }
    }

    /// Starts a change of the identity's present state. Any of its rotation keys can sign.
    ///
    /// # Errors
    /// [`Error::Request`] if the identity is tombstoned.
    pub fn update(log: &PlcLog) -> Result<Draft> {
        let state = log.state().ok_or_else(tombstoned)?;
        let signers = Some(state.rotation_keys.clone());
        let prev = log.standing_entries().next_back().map(|entry| entry.operation.cid().clone());
        Ok(Draft { prev, state: Some(state.clone()), signers })
    }

    /// Starts the operation that ends the identity. Any of its rotation keys can sign; one of
    /// higher priority can undo it for 72 hours.
    ///
    /// # Errors
    /// [`Error::Request`] if the identity is tombstoned already.
    pub fn tombstone(log: &PlcLog) -> Result<Draft> {
        Ok(Draft { state: None, ..Self::update(log)? })
    }

    /// Starts an operation after the one with the CID `after`, which undoes all later ones. It
    /// starts from the identity's state at `after`. Only rotation keys of higher priority than the
    /// one that signed the first undone operation can sign, and only for 72 hours after that
    /// operation.
    ///
    /// # Errors
    /// [`Error::NotFound`] if `after` is not an operation in force, [`Error::Request`] if none
    /// follows it or the 72 hours are over, [`Error::Key`] if no key has the priority.
    pub fn recovery(log: &PlcLog, after: &Cid, clock: &dyn Clock) -> Result<Draft> {
        let missing = || Error::NotFound(Entity::Operation(after.clone()));
        let (_, entry, disputed) = log.fork(after).ok_or_else(missing)?;
        let nothing = || Error::Request(format!("nothing to undo: {after} is the last operation"));
        let disputed = disputed.ok_or_else(nothing)?;
        let age = clock.now_micros().saturating_sub(disputed.created_micros);
        if age > PLC_RECOVERY_MICROS {
            let hours = age / 3_600_000_000;
            return Err(Error::Request(format!("too late: {hours} hours have passed, not 72")));
        }
        let state = entry.operation.state().ok_or_else(tombstoned)?;
        let signers: Vec<_> = state.rotation_keys.iter().take(disputed.signer).cloned().collect();
        if signers.is_empty() {
            return Err(Error::Key("the highest rotation key signed it: none is above".to_owned()));
        }
        let state = Some(state.clone());
        Ok(Draft { prev: Some(after.clone()), state, signers: Some(signers) })
    }
}

impl Draft {
    /// Sets the key that signs commits.
    pub fn signing_key(self, key: &VerifyingKey) -> Self {
        self.change(|state| {
            state.verification_methods.insert(SIGNING_METHOD.to_owned(), key.to_did_key());
        })
    }

    /// Sets the URL of the account's server.
    pub fn pds(self, endpoint: &str) -> Self {
        self.change(|state| {
            let (kind, endpoint) = (PDS_KIND.to_owned(), endpoint.to_owned());
            state.services.insert(PDS_SERVICE.to_owned(), Service { kind, endpoint });
        })
    }

    /// Sets the handles, without `at://`; the first is the primary one. Other names are kept after
    /// them.
    pub fn handles(self, handles: &[&str]) -> Self {
        self.change(|state| {
            state.also_known_as.retain(|name| !name.starts_with(HANDLE_SCHEME));
            let names = handles.iter().map(|handle| format!("{HANDLE_SCHEME}{handle}"));
            state.also_known_as.splice(0..0, names);
        })
    }

    /// Sets the rotation keys, highest priority first. They sign the next operation, not this one,
    /// except in a genesis.
    pub fn rotation_keys(self, keys: &[VerifyingKey]) -> Self {
        self.change(|state| {
            state.rotation_keys = keys.iter().map(VerifyingKey::to_did_key).collect();
        })
    }

    /// Signs the operation.
    ///
    /// # Errors
    /// [`Error::Request`] if the directory would refuse the content, [`Error::Key`] if the signer's
    /// key may not sign this operation or its signature is wrong, and the signer's errors.
    pub fn sign(self, signer: &dyn Signer) -> Result<Operation> {
        if let Some(state) = &self.state {
            check(state).map_err(Error::Request)?;
        }
        let own = self.state.as_ref().map(|state| &state.rotation_keys);
        let key = signer.verifying_key();
        let did_key = key.to_did_key();
        if !self.signers.as_ref().or(own).is_some_and(|keys| keys.contains(&did_key)) {
            let message = format!("{did_key} is not a rotation key that may sign this operation");
            return Err(Error::Key(message));
        }
        let fields = self.into_fields();
        let message = encode(&fields).map_err(Error::Request)?;
        let signature = signer.sign(&message)?;
        if key.verify(&message, &signature) != SignatureStatus::Valid {
            return Err(Error::Key(format!("the signer's signature is not valid under {did_key}")));
        }
        // The signature adds a name of three letters and 86 characters.
        let bytes = message.len() + 4 + 88;
        if bytes > PLC_NEW_OPERATION_BYTES_MAX {
            return Err(Error::Limit {
                what: "bytes of a did:plc operation",
                limit: PLC_NEW_OPERATION_BYTES_MAX as u64,
                got: bytes as u64,
            });
        }
        let signature = BASE64URL_NOPAD.encode(&signature);
        Operation::from_fields(fields, signature).map_err(Error::Request)
    }

    /// Applies a change; a tombstone has no content to change.
    fn change(mut self, change: impl FnOnce(&mut PlcState)) -> Self {
        if let Some(state) = &mut self.state {
            change(state);
        }
        self
    }

    fn into_fields(self) -> Map<String, Value> {
        let kind = if self.state.is_some() { "plc_operation" } else { "plc_tombstone" };
        let mut fields = self.state.map(|state| state.to_fields()).unwrap_or_default();
        let prev = self.prev.map_or(Value::Null, |prev| Value::String(prev.to_string()));
        fields.insert("type".to_owned(), Value::String(kind.to_owned()));
        fields.insert("prev".to_owned(), prev);
        fields
    }
}

/// The directory's rules for new operations, which old ones need not observe.
fn check(state: &PlcState) -> Result<(), String> {
    if !(1..=PLC_ROTATION_KEYS_MAX).contains(&state.rotation_keys.len()) {
        return Err(format!("an operation has 1 to {PLC_ROTATION_KEYS_MAX} rotation keys"));
    }
    distinct("rotation key", &state.rotation_keys)?;
    distinct("name", &state.also_known_as)?;
    for key in &state.rotation_keys {
        VerifyingKey::from_did_key(key).map_err(|error| error.to_string())?;
    }
    let counts =
        [state.also_known_as.len(), state.services.len(), state.verification_methods.len()];
    if counts.iter().any(|count| *count > ENTRIES_MAX) {
        return Err(format!("more than {ENTRIES_MAX} names, services or verification methods"));
    }
    for name in &state.also_known_as {
        let handle = name.strip_prefix(HANDLE_SCHEME).unwrap_or("any");
        let odd = |c: char| c.is_whitespace() || c == '/' || c == '@';
        if handle.is_empty() || handle.contains(odd) || name.len() > ALSO_KNOWN_AS_CHARS_MAX {
            return Err(format!("{name:.300?} cannot be a name"));
        }
    }
    for (id, service) in &state.services {
        let long = id.len() > ID_CHARS_MAX
            || service.kind.len() > SERVICE_KIND_CHARS_MAX
            || service.endpoint.len() > ENDPOINT_CHARS_MAX;
        let web = ["https://", "http://"].iter().any(|s| service.endpoint.starts_with(s));
        if long || (id == PDS_SERVICE && !web) {
            return Err(format!("the service {id:.40?} is too long, or its endpoint is no URL"));
        }
    }
    for (id, key) in &state.verification_methods {
        if id.len() > ID_CHARS_MAX || !key.starts_with("did:key:") {
            return Err(format!("the verification method {id:.40?} is too long, or no did:key"));
        }
    }
    Ok(())
}

fn distinct(what: &str, texts: &[String]) -> Result<(), String> {
    for (place, text) in texts.iter().enumerate() {
        if texts.iter().take(place).any(|other| other == text) {
            return Err(format!("the {what} {text:.300?} is there twice"));
        }
    }
    Ok(())
}

fn tombstoned() -> Error {
    Error::Request("the identity is tombstoned".to_owned())
}
