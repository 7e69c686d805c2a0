use crate::key::VerifyingKey;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The state of a did:plc identity at one time.
///
/// Keys are kept as text: the log may hold keys that Carrack cannot use.
///
/// ```
/// use carrack::identity::plc::PlcState;
/// let state = PlcState { also_known_as: vec!["at://a.example".into()], ..PlcState::default() };
/// assert_eq!(state.handles().collect::<Vec<_>>(), ["a.example"]);
/// assert_eq!(state.pds(), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlcState {
    /// did:keys that may sign the next operation, highest priority first.
    pub rotation_keys: Vec<String>,
    /// did:keys by purpose; `atproto` signs repositories.
    pub verification_methods: BTreeMap<String, String>,
    /// URIs; handles as `at://...`.
    pub also_known_as: Vec<String>,
    /// Services by id; `atproto_pds` hosts the account.
    pub services: BTreeMap<String, Service>,
}

/// A service of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// What it is: `AtprotoPersonalDataServer`.
    pub kind: String,
    /// Its URL.
    pub endpoint: String,
}

pub(super) const SIGNING_METHOD: &str = "atproto";
pub(super) const PDS_SERVICE: &str = "atproto_pds";
pub(super) const PDS_KIND: &str = "AtprotoPersonalDataServer";
pub(super) const HANDLE_SCHEME: &str = "at://";

impl PlcState {
    /// The key that signs commits; `None` if there is none or it cannot be used.
    pub fn signing_key(&self) -> Option<VerifyingKey> {
        VerifyingKey::from_did_key(self.verification_methods.get(SIGNING_METHOD)?).ok()
    }

    /// The URL of the account's server; `None` if there is none.
    pub fn pds(&self) -> Option<&str> {
        self.services.get(PDS_SERVICE).map(|service| service.endpoint.as_str())
    }

    /// The claimed handles, without `at://`.
    pub fn handles(&self) -> impl Iterator<Item = &str> {
        self.also_known_as.iter().filter_map(|name| name.strip_prefix(HANDLE_SCHEME))
    }

    /// The fields of a `plc_operation`.
    pub(super) fn to_fields(&self) -> Map<String, Value> {
        let services = self.services.iter().map(|(id, service)| {
            (id.clone(), json!({"type": service.kind, "endpoint": service.endpoint}))
        });
        let mut fields = Map::new();
        fields.insert("rotationKeys".to_owned(), json!(self.rotation_keys));
        fields.insert("verificationMethods".to_owned(), json!(self.verification_methods));
        fields.insert("alsoKnownAs".to_owned(), json!(self.also_known_as));
        fields.insert("services".to_owned(), Value::Object(services.collect()));
        fields
    }

    /// Reads the fields of a `plc_operation`.
    pub(super) fn from_fields(fields: &Map<String, Value>) -> Result<Self, String> {
        let services = object(fields, "services")?.iter().map(|(id, service)| {
            let service = service.as_object().filter(|service| service.len() == 2);
            let service = service.ok_or("a service is not an object of two fields")?;
            let [kind, endpoint] = [text(service, "type")?, text(service, "endpoint")?];
            Ok((id.clone(), Service { kind: kind.to_owned(), endpoint: endpoint.to_owned() }))
        });
        let methods = object(fields, "verificationMethods")?.iter().map(|(id, key)| {
            let key = key.as_str().ok_or("a verification method is not a string")?;
            Ok((id.clone(), key.to_owned()))
        });
        Ok(Self {
            rotation_keys: texts(fields, "rotationKeys")?,
            verification_methods: methods.collect::<Result<_, String>>()?,
            also_known_as: texts(fields, "alsoKnownAs")?,
            services: services.collect::<Result<_, String>>()?,
        })
    }

    /// Reads the fields of a `create`, the genesis of the first months, and converts it by the
    /// specification's rules.
    pub(super) fn from_legacy_fields(fields: &Map<String, Value>) -> Result<Self, String> {
        let [signing, recovery] = [text(fields, "signingKey")?, text(fields, "recoveryKey")?];
        let [handle, service] = [text(fields, "handle")?, text(fields, "service")?];
        let name = if handle.starts_with(HANDLE_SCHEME) {
            handle.to_owned()
        } else {
            let bare = handle.trim_start_matches("https://").trim_start_matches("http://");
            format!("{HANDLE_SCHEME}{bare}")
        };
        let with_scheme = service.starts_with("https://") || service.starts_with("http://");
        let endpoint = if with_scheme { service.to_owned() } else { format!("https://{service}") };
        let pds = Service { kind: PDS_KIND.to_owned(), endpoint };
        Ok(Self {
            rotation_keys: vec![recovery.to_owned(), signing.to_owned()],
            verification_methods: [(SIGNING_METHOD.to_owned(), signing.to_owned())].into(),
            also_known_as: vec![name],
            services: [(PDS_SERVICE.to_owned(), pds)].into(),
        })
    }
}

pub(super) fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    fields.get(name).and_then(Value::as_str).ok_or_else(|| format!("{name} is not a string"))
}

fn texts(fields: &Map<String, Value>, name: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("{name} is not a list of strings");
    let list = fields.get(name).and_then(Value::as_array).ok_or_else(wrong)?;
    list.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}

fn object<'a>(
    fields: &'a Map<String, Value>,
    name: &str,
) -> Result<&'a Map<String, Value>, String> {
    fields.get(name).and_then(Value::as_object).ok_or_else(|| format!("{name} is not an object"))
}
