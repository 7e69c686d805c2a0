use super::state::{PlcState, text};
use crate::block::{Cid, Codec};
use crate::error::Result;
use crate::ident::Did;
use crate::key::{SignatureStatus, VerifyingKey};
use crate::limits::{PLC_OPERATION_BYTES_MAX, PLC_ROTATION_KEYS_MAX};
use crate::problem::{Code, Problem};
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use serde_json::{Map, Value};

/// A signed did:plc operation. Its form is checked; its signature is checked when a
/// [`super::PlcLog`] accepts it.
///
/// New ones are started by [`Operation::genesis`], [`Operation::update`], [`Operation::recovery`]
/// and [`Operation::tombstone`].
///
/// ```
/// use carrack::env::SystemRandom;
/// use carrack::identity::plc::{Operation, PlcState};
/// use carrack::key::{Curve, SigningKey};
/// let key = SigningKey::generate(Curve::K256, &SystemRandom)?;
/// let genesis = Operation::genesis(PlcState::default())
///     .rotation_keys(&[key.verifying_key()])
///     .signing_key(&key.verifying_key())
///     .sign(&key)?;
/// let again = Operation::parse(genesis.to_json().as_bytes())?;
/// assert_eq!(again.cid(), genesis.cid());
/// assert!(genesis.genesis_did().unwrap().as_str().starts_with("did:plc:"));
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// All fields but `sig`.
    fields: Map<String, Value>,
    signature: String,
    prev: Option<Cid>,
    cid: Cid,
    /// None for a tombstone.
    state: Option<PlcState>,
}

const UPDATE_FIELDS: &[&str] =
    &["type", "rotationKeys", "verificationMethods", "alsoKnownAs", "services", "prev"];
const CREATE_FIELDS: &[&str] = &["type", "signingKey", "recoveryKey", "handle", "service", "prev"];
const TOMBSTONE_FIELDS: &[&str] = &["type", "prev"];
/// The length of the identifier in a DID: the first characters of the base32 of the genesis' hash,
/// 120 bits.
const DID_HASH_CHARS: usize = 24;

impl Operation {
    /// Parses the JSON of an operation, as the directory accepts it.
    ///
    /// # Errors
    /// `BadLog` if it is not of one of the three types (`plc_operation`, `plc_tombstone`, the old
    /// `create`), has other fields, or is too large.
    pub fn parse(json: &[u8]) -> Result<Self, Problem> {
        let bad = |why: String| Problem::new(Code::BadLog, why);
        if json.len() > 4 * PLC_OPERATION_BYTES_MAX {
            return Err(bad("the operation is too large".to_owned()));
        }
        let value = serde_json::from_slice(json).map_err(|error| bad(error.to_string()))?;
        Self::from_value(value).map_err(bad)
    }

    pub(super) fn from_value(value: Value) -> Result<Self, String> {
        let Value::Object(mut fields) = value else {
            return Err("the operation is not an object".to_owned());
        };
        let Some(Value::String(signature)) = fields.remove("sig") else {
            return Err("the operation is not signed".to_owned());
        };
        Self::from_fields(fields, signature)
    }

    /// Builds an operation from its fields and `sig`.
    pub(super) fn from_fields(
        fields: Map<String, Value>,
        signature: String,
    ) -> Result<Self, String> {
        let (expected, state) = match text(&fields, "type")? {
            "plc_operation" => (UPDATE_FIELDS, Some(PlcState::from_fields(&fields)?)),
            "create" => (CREATE_FIELDS, Some(PlcState::from_legacy_fields(&fields)?)),
            "plc_tombstone" => (TOMBSTONE_FIELDS, None),
            _ => return Err("an operation of unknown type".to_owned()),
        };
        if fields.len() != expected.len() || !expected.iter().all(|name| fields.contains_key(*name))
        {
            return Err(format!("the operation's fields are not sig, {}", expected.join(", ")));
        }
        let keys = state.as_ref().map_or(0, |state| state.rotation_keys.len());
        if keys > PLC_ROTATION_KEYS_MAX {
            return Err(format!("{keys} rotation keys; at most {PLC_ROTATION_KEYS_MAX}"));
        }
        let prev = read_prev(&fields)?;
        if prev.is_some() && expected == CREATE_FIELDS {
            return Err("a create operation has no predecessor".to_owned());
        }
        if prev.is_none() && expected == TOMBSTONE_FIELDS {
            return Err("a tombstone needs a predecessor".to_owned());
        }
        let bytes = encode(&with_signature(fields.clone(), &signature))?;
        if bytes.len() > PLC_OPERATION_BYTES_MAX {
            return Err(format!("{} bytes; at most {PLC_OPERATION_BYTES_MAX}", bytes.len()));
        }
        let cid = Cid::of(Codec::DagCbor, &bytes);
        Ok(Self { fields, signature, prev, cid, state })
    }

    /// The CID of the signed operation, which the next one's `prev` names.
    pub fn cid(&self) -> &Cid {
        &self.cid
    }

    /// The CID of the previous operation; `None` for a genesis.
    pub fn prev(&self) -> Option<&Cid> {
        self.prev.as_ref()
    }

    /// The identity's state after it; `None` for a tombstone.
    pub fn state(&self) -> Option<&PlcState> {
        self.state.as_ref()
    }

    /// The DID of a genesis: its hash in base32, cut to 24 characters; `None` for other operations.
    pub fn genesis_did(&self) -> Option<Did> {
        let (None, Some((_, digest))) = (&self.prev, self.cid.blessed()) else { return None };
        let hash = BASE32_NOPAD.encode(digest).to_ascii_lowercase();
        format!("did:plc:{}", hash.get(..DID_HASH_CHARS)?).parse().ok()
    }

    /// Encodes the operation as JSON, as the directory accepts it.
    pub fn to_json(&self) -> String {
        self.to_value().to_string()
    }

    pub(super) fn to_value(&self) -> Value {
        Value::Object(with_signature(self.fields.clone(), &self.signature))
    }

    /// The index of the first of these keys that verifies the signature.
    pub(super) fn signer_among(&self, keys: &[String]) -> Result<usize, String> {
        // Strict: only the alphabet, no padding, unused bits zero. Otherwise one signature would
        // have several texts, and one operation several CIDs.
        let signature = BASE64URL_NOPAD.decode(self.signature.as_bytes());
        let signature = signature.map_err(|_| {
            "the signature is not in canonical base64url without padding".to_owned()
        })?;
        if signature.len() != 64 {
            return Err(format!("the signature has {} bytes, not 64", signature.len()));
        }
        let message = encode(&self.fields)?;
        for (place, key) in keys.iter().enumerate() {
            // A key that cannot be read cannot have signed.
            let Ok(key) = VerifyingKey::from_did_key(key) else { continue };
            match key.verify(&message, &signature) {
                SignatureStatus::Valid => return Ok(place),
                SignatureStatus::HighS => return Err("the signature has a high s".to_owned()),
                SignatureStatus::Invalid | SignatureStatus::Unchecked => {}
            }
        }
        Err("none of the rotation keys in force signed it".to_owned())
    }
}

/// The bytes of an operation: for signing without `sig`, for its CID with it.
pub(super) fn encode(fields: &Map<String, Value>) -> Result<Vec<u8>, String> {
    serde_ipld_dagcbor::to_vec(fields).map_err(|error| format!("cannot be encoded: {error}"))
}

fn with_signature(mut fields: Map<String, Value>, signature: &str) -> Map<String, Value> {
    fields.insert("sig".to_owned(), Value::String(signature.to_owned()));
    fields
}

fn read_prev(fields: &Map<String, Value>) -> Result<Option<Cid>, String> {
    match fields.get("prev") {
        Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            let cid = text.parse::<Cid>().map_err(|error| error.to_string())?;
            let canonical = cid.is_dag_cbor() && cid.to_string() == *text;
            if canonical { Ok(Some(cid)) } else { Err("prev is not a CID of base32".to_owned()) }
        }
        _ => Err("prev is neither null nor a CID".to_owned()),
    }
}
