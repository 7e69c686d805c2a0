use crate::error::{Error, Result};
use crate::file_kind::FileKind;
use crate::ident::{Did, SyntaxError};
use crate::key::{Curve, VerifyingKey};
use crate::limits::DID_DOCUMENT_BYTES_MAX;
use crate::shown::Quoted;
use serde_json::Value;

/// The parts of a DID document that a repository engine needs. Specification:
/// <https://atproto.com/specs/did>.
///
/// ```
/// use carrack::identity::DidDocument;
/// let document = DidDocument::parse(br##"{
///   "id": "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
///   "alsoKnownAs": ["at://atproto.com"],
///   "verificationMethod": [{
///     "id": "did:plc:ewvi7nxzyoun6zhxrhs64oiz#atproto",
///     "type": "Multikey",
///     "controller": "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
///     "publicKeyMultibase": "zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF"
///   }],
///   "service": [{
///     "id": "#atproto_pds",
///     "type": "AtprotoPersonalDataServer",
///     "serviceEndpoint": "https://bsky.social"
///   }]
/// }"##)?;
/// assert_eq!(document.handles, ["atproto.com"]);
/// assert_eq!(document.pds.as_deref(), Some("https://bsky.social"));
/// assert!(document.signing_key.is_some());
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DidDocument {
    /// The DID that the document describes.
    pub did: Did,
    /// The key that signs commits: the verification method `#atproto`; `None` if there is none.
    pub signing_key: Option<VerifyingKey>,
    /// The URL of the account's server: the service `#atproto_pds`; `None` if there is none.
    pub pds: Option<String>,
    /// The claimed handles in order, without `at://`. They are not proved: a handle's domain must
    /// point back.
    pub handles: Vec<String>,
}

/// 65 bytes are at most 89 characters of base58.
const MULTIBASE_CHARS_MAX: usize = 128;

impl DidDocument {
    /// Parses the JSON of a document of any DID method. Of several entries with one id, the first
    /// is used.
    ///
    /// # Errors
    /// [`Error::Limit`] above [`DID_DOCUMENT_BYTES_MAX`] bytes, [`Error::Syntax`] if it is not a
    /// DID document, [`Error::Key`] if `#atproto` exists but is not a k256 or p256 key.
    pub fn parse(json: &[u8]) -> Result<Self> {
        if json.len() > DID_DOCUMENT_BYTES_MAX {
            return Err(Error::Limit {
                what: "bytes of a DID document",
                limit: DID_DOCUMENT_BYTES_MAX as u64,
                got: json.len() as u64,
            });
        }
        // What is of another kind is not shown: it may be a secret key.
        let shown = match FileKind::of(json) {
            Some(FileKind::Json | FileKind::DidDocument | FileKind::ServerAnswer { .. }) => {
                String::from_utf8_lossy(json)
            }
            _ => "".into(),
        };
        let wrong = |reason| SyntaxError::new("DID document", &shown, reason);
        let document: Value = serde_json::from_slice(json).map_err(|_| wrong("not JSON"))?;
        let id = document.get("id").and_then(Value::as_str);
        let did: Did = id.ok_or_else(|| wrong("no id"))?.parse()?;
        let method = entry(&document, "verificationMethod", &did, "#atproto");
        let service = entry(&document, "service", &did, "#atproto_pds");
        Ok(Self {
            signing_key: method.map(read_key).transpose()?,
            pds: service.and_then(read_endpoint),
            handles: read_handles(&document),
            did,
        })
    }
}

/// The first entry of a list with this fragment of this DID as its id.
fn entry<'a>(document: &'a Value, list: &str, did: &Did, fragment: &str) -> Option<&'a Value> {
    document.get(list)?.as_array()?.iter().find(|entry| {
        let id = entry.get("id").and_then(Value::as_str).unwrap_or_default();
        id.strip_suffix(fragment).is_some_and(|owner| owner.is_empty() || owner == did.as_str())
    })
}

fn read_key(method: &Value) -> Result<VerifyingKey> {
    let text = |name: &str| method.get(name).and_then(Value::as_str).unwrap_or_default();
    let multibase = text("publicKeyMultibase");
    match text("type") {
        "Multikey" => Ok(VerifyingKey::from_multikey(multibase)?),
        "EcdsaSecp256k1VerificationKey2019" => read_bare_key(Curve::K256, multibase),
        "EcdsaSecp256r1VerificationKey2019" => read_bare_key(Curve::P256, multibase),
        other => {
            let other: String = other.chars().take(64).collect();
            let other = Quoted(&other);
            Err(Error::Key(format!("the document's #atproto key is of the unknown type {other}")))
        }
    }
}

/// Reads a key of an old document, which names the curve in the type and writes the point without a
/// multicodec.
fn read_bare_key(curve: Curve, multibase: &str) -> Result<VerifyingKey> {
    let base58 = multibase.strip_prefix('z').filter(|text| text.len() <= MULTIBASE_CHARS_MAX);
    let bytes = base58.and_then(|text| bs58::decode(text).into_vec().ok());
    let bytes =
        bytes.ok_or_else(|| SyntaxError::new("public key", multibase, "not in base58btc"))?;
    Ok(VerifyingKey::from_sec1(curve, &bytes)?)
}

fn read_endpoint(service: &Value) -> Option<String> {
    let endpoint = service.get("serviceEndpoint")?.as_str()?;
    let web = endpoint.starts_with("https://") || endpoint.starts_with("http://");
    web.then(|| endpoint.to_owned())
}

fn read_handles(document: &Value) -> Vec<String> {
    let names = document.get("alsoKnownAs").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(|name| Some(name.as_str()?.strip_prefix("at://")?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF";

    fn document(id: &str, kind: &str, key: &str) -> Result<DidDocument> {
        let json = serde_json::json!({
            "id": "did:web:a.example",
            "verificationMethod": [
                {"id": id, "type": kind, "publicKeyMultibase": key},
            ],
        });
        DidDocument::parse(json.to_string().as_bytes())
    }

    #[test]
    fn only_the_own_atproto_key_counts() {
        for id in ["#atproto", "did:web:a.example#atproto"] {
            let key = document(id, "Multikey", KEY).unwrap().signing_key.unwrap();
            assert_eq!(key.to_multikey(), KEY);
        }
        for id in ["did:web:b.example#atproto", "#atproto_label", "atproto", ""] {
            assert_eq!(document(id, "Multikey", KEY).unwrap().signing_key, None);
        }
    }

    #[test]
    fn a_key_that_cannot_be_read_is_an_error() {
        assert!(document("#atproto", "Multikey", "z").is_err());
        assert!(document("#atproto", "JsonWebKey2020", KEY).is_err());
        assert!(document("#atproto", "EcdsaSecp256k1VerificationKey2019", KEY).is_err());
        assert!(document("#atproto", "Multikey", &"1".repeat(100_000)).is_err());
    }

    #[test]
    fn a_key_file_is_not_shown() {
        let key = b"carrack-signing-key 1\ncurve k256\nsecret 9085d2bef69286a6cbb51623c8fa2586\n";
        let said = DidDocument::parse(key).unwrap_err().to_string();
        assert!(!said.contains("9085d2"), "{said}");
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let deep = "[".repeat(10_000);
        for json in ["", "{}", "[]", "{\"id\":1}", "{\"id\":\"did:web:\"}", &deep] {
            assert!(matches!(DidDocument::parse(json.as_bytes()), Err(Error::Syntax(_))));
        }
        let large = vec![b' '; DID_DOCUMENT_BYTES_MAX + 1];
        assert!(matches!(DidDocument::parse(&large), Err(Error::Limit { .. })));
    }
}
