//! A node is accepted exactly if a reader that knows nothing of carrack, going by the text of the
//! specification over a generic value, accepts it too; and it encodes to the same bytes.

use carrack::limits::{NODE_BYTES_MAX, PATH_BYTES_MAX};
use carrack::tree::Node;
use cid::Cid;
use ipld_core::ipld::Ipld;

pub fn check(data: &[u8]) {
    let node = Node::decode(data);
    let expected = by_the_book(data);
    let Ok(node) = node else {
        assert!(expected.is_none(), "refused: {node:?}");
        return;
    };
    assert_eq!(node.encode(), data);
    let expected = expected.expect("accepted, against the book");
    assert_eq!(node.left.map(|cid| cid.to_bytes()), expected.left.map(|cid| cid.to_bytes()));
    assert_eq!(node.entries.len(), expected.entries.len());
    for (entry, (key, value, right)) in node.entries.iter().zip(expected.entries) {
        assert_eq!(entry.key.as_bytes(), key);
        assert_eq!(entry.value.to_bytes(), value.to_bytes());
        assert_eq!(entry.right.as_ref().map(|cid| cid.to_bytes()), right.map(|cid| cid.to_bytes()));
    }
}

struct Plain {
    left: Option<Cid>,
    entries: Vec<(Vec<u8>, Cid, Option<Cid>)>,
}

fn by_the_book(data: &[u8]) -> Option<Plain> {
    if data.len() > NODE_BYTES_MAX {
        return None;
    }
    let Ipld::Map(mut fields) = canonical(data)? else { return None };
    let (left, entries) = (fields.remove("l")?, fields.remove("e")?);
    let Ipld::List(entries) = entries else { return None };
    let mut plain = Plain { left: node_link(left)?, entries: Vec::new() };
    let mut last: Vec<u8> = Vec::new();
    for entry in entries {
        let Ipld::Map(mut entry) = entry else { return None };
        let Ipld::Bytes(suffix) = entry.remove("k")? else { return None };
        let Ipld::Integer(shared) = entry.remove("p")? else { return None };
        let right = node_link(entry.remove("t")?)?;
        let Ipld::Link(value) = entry.remove("v")? else { return None };
        let mut key = last.get(..usize::try_from(shared).ok()?)?.to_vec();
        key.extend_from_slice(&suffix);
        let longest = last.iter().zip(&key).take_while(|(a, b)| a == b).count();
        let sound = entry.is_empty()
            && shared == i128::try_from(longest).ok()?
            && key > last
            && key.len() <= PATH_BYTES_MAX;
        if !sound {
            return None;
        }
        last.clone_from(&key);
        plain.entries.push((key, value, right));
    }
    fields.is_empty().then_some(plain)
}

/// A value that the library reads, and writes back to the same bytes.
pub(crate) fn canonical(data: &[u8]) -> Option<Ipld> {
    let value: Ipld = serde_ipld_dagcbor::from_slice(data).ok()?;
    (serde_ipld_dagcbor::to_vec(&value).ok()? == data).then_some(value)
}

fn node_link(value: Ipld) -> Option<Option<Cid>> {
    match value {
        Ipld::Null => Some(None),
        // Version 1, dag-cbor, SHA-256 of 32 bytes.
        Ipld::Link(cid) if cid.to_bytes().starts_with(&[1, 0x71, 0x12, 32]) => Some(Some(cid)),
        _ => None,
    }
}
