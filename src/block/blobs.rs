use super::{Cid, Codec};
use ipld_core::ipld::Ipld;
use memchr::memmem::Finder;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A reference from a record to a blob.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobRef {
    /// The blob's CID: SHA-256, codec raw.
    pub cid: Cid,
    /// Its media type, as far as stated.
    pub mime_type: Option<String>,
    /// Its length in bytes, as far as stated. The legacy form states none.
    pub size: Option<u64>,
}

/// How every link to a blob begins: tag 42, 37 bytes, version 1, raw, SHA-256.
static LINK: LazyLock<Finder<'static>> =
    LazyLock::new(|| Finder::new(b"\xd8\x2a\x58\x25\x00\x01\x55\x12\x20"));

/// How the text form of every blob's CID begins.
const TEXT_START: &str = "bafkrei";
static TEXT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(TEXT_START));

/// Every blob that a record refers to, at any depth: each CID once, in ascending order.
///
/// Two forms exist: `{$type: "blob", ref: link, mimeType, size}`, of which type and ref are needed
/// here, and the legacy `{cid: "bafkrei...", mimeType}` with just these two. Most records have
/// neither and are only searched for the first bytes of a blob's CID. A record need not be
/// canonical (maps may be out of order, floats may occur); bytes that are no DAG-CBOR at all refer
/// to nothing.
///
/// ```
/// use carrack::block::{Cid, Codec, blob_refs, json};
/// let cid = Cid::of(Codec::Raw, b"a picture");
/// let record = json::from_json(&serde_json::json!({
///     "$type": "com.example.post",
///     "picture": { "$type": "blob", "ref": { "$link": cid.to_string() },
///         "mimeType": "image/png", "size": 9 },
/// }))?;
/// let blobs = blob_refs(&record);
/// assert_eq!((&blobs[0].cid, blobs[0].size), (&cid, Some(9)));
/// # Ok::<(), carrack::Error>(())
/// ```
pub fn blob_refs(record: &[u8]) -> Vec<BlobRef> {
    if LINK.find(record).is_none() && TEXT.find(record).is_none() {
        return Vec::new();
    }
    // The library bounds the nesting.
    let Ok(value) = serde_ipld_dagcbor::from_slice::<Ipld>(record) else { return Vec::new() };
    let mut found = BTreeMap::<Cid, BlobRef>::new();
    let mut pending = vec![&value];
    while let Some(value) = pending.pop() {
        match value {
            Ipld::List(values) => pending.extend(values),
            Ipld::Map(map) => {
                if let Some(blob) = typed(map).or_else(|| legacy(map)) {
                    let known = found.entry(blob.cid.clone()).or_insert_with(|| blob.clone());
                    // Of two descriptions, the one that states a size.
                    if known.size.is_none() {
                        *known = blob;
                    }
                }
                pending.extend(map.values());
            }
            _ => {}
        }
    }
    found.into_values().collect()
}

fn typed(map: &BTreeMap<String, Ipld>) -> Option<BlobRef> {
    let (Ipld::String(kind), Ipld::Link(link)) = (map.get("$type")?, map.get("ref")?) else {
        return None;
    };
    if kind != "blob" {
        return None;
    }
    let size = match map.get("size") {
        Some(Ipld::Integer(size)) => u64::try_from(*size).ok(),
        _ => None,
    };
    Some(BlobRef { cid: raw(Cid::from_bytes(&link.to_bytes()).ok()?)?, mime_type: mime(map), size })
}

fn legacy(map: &BTreeMap<String, Ipld>) -> Option<BlobRef> {
    let Ipld::String(text) = map.get("cid")? else { return None };
    let mime_type = mime(map)?;
    if map.len() != 2 || !text.starts_with(TEXT_START) {
        return None;
    }
    Some(BlobRef { cid: raw(text.parse().ok()?)?, mime_type: Some(mime_type), size: None })
}

fn mime(map: &BTreeMap<String, Ipld>) -> Option<String> {
    match map.get("mimeType") {
        Some(Ipld::String(mime)) => Some(mime.clone()),
        _ => None,
    }
}

/// The CID, if it is of the form that blobs have.
fn raw(cid: Cid) -> Option<Cid> {
    matches!(cid.blessed(), Some((Codec::Raw, _))).then_some(cid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::drisl::{Encoder, check, encode};
    use ipld_core::ipld;

    fn link(cid: &Cid) -> Ipld {
        Ipld::Link(cid.to_bytes()[..].try_into().unwrap())
    }

    fn cids(record: &Ipld) -> Vec<Cid> {
        blob_refs(&encode(record).unwrap()).into_iter().map(|blob| blob.cid).collect()
    }

    #[test]
    fn both_forms_are_found_at_any_depth_once() {
        let mut expected: Vec<_> =
            [b"a", b"b", b"c"].map(|bytes| Cid::of(Codec::Raw, bytes)).into();
        let [a, b, c] = &expected[..] else { panic!("three") };
        let record = ipld!({
            "one": { "$type": "blob", "ref": link(a), "mimeType": "image/png", "size": 1 },
            "list": [[{ "deep": { "$type": "blob", "ref": link(b), "mimeType": "x", "size": 2 } }]],
            "old": [{ "cid": c.to_string(), "mimeType": "image/jpeg" }],
            "again": { "cid": a.to_string(), "mimeType": "image/png" },
        });
        let found = blob_refs(&encode(&record).unwrap());
        let jpeg = BlobRef { cid: c.clone(), mime_type: Some("image/jpeg".into()), size: None };
        assert!(found.contains(&jpeg));
        assert!(found.iter().any(|blob| blob.cid == *a && blob.size == Some(1)));
        expected.sort();
        assert_eq!(found.into_iter().map(|blob| blob.cid).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        let raw = Cid::of(Codec::Raw, b"a");
        let node = Cid::of(Codec::DagCbor, b"a");
        for record in [
            ipld!({ "ref": link(&raw), "mimeType": "image/png", "size": 1 }),
            ipld!({ "$type": "blob", "ref": raw.to_string(), "mimeType": "x", "size": 1 }),
            ipld!({ "$type": "blob", "ref": link(&node), "other": link(&raw) }),
            ipld!({ "cid": raw.to_string() }),
            ipld!({ "cid": raw.to_string(), "mimeType": "x", "name": "y" }),
            ipld!({ "cid": "bafkrei", "mimeType": "x" }),
            ipld!({ "text": "bafkrei" }),
        ] {
            assert_eq!(cids(&record), [], "{record:?}");
        }
        assert_eq!(blob_refs(b""), []);
        assert_eq!(blob_refs(&LINK.needle().repeat(3)), []);
    }

    #[test]
    fn a_record_need_not_be_canonical() {
        let cid = Cid::of(Codec::Raw, b"a");
        let mut encoder = Encoder::new();
        encoder.map(3);
        encoder.text("ref");
        encoder.link(&cid);
        encoder.text("x");
        encoder.raw(b"\xfb\x3f\xe0\0\0\0\0\0\0");
        encoder.text("$type");
        encoder.text("blob");
        let bytes = encoder.finish();
        assert!(check::record(&bytes).is_err());
        assert_eq!(blob_refs(&bytes), [BlobRef { cid, mime_type: None, size: None }]);
    }

    #[test]
    fn deep_nesting_is_refused_without_overflow() {
        let nested = [&[0x81; 16_000][..], LINK.needle(), &[0; 32]].concat();
        assert_eq!(blob_refs(&nested), []);
    }
}
