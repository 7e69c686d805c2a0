use crate::block::Cid;
use crate::block::drisl::{Decoder, Encoder, Fault};
use crate::limits::{NODE_BYTES_MAX, PATH_BYTES_MAX};
use crate::problem::{Code, Problem};
use crate::tree::Key;
use crate::tree::scan;

/// A decoded node of the tree, with whole keys.
///
/// ```
/// use carrack::tree::Node;
/// let empty = Node::default().encode();
/// assert_eq!(Node::decode(&empty)?, Node::default());
/// # Ok::<(), carrack::Problem>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// The subtree left of the first entry.
    pub left: Option<Cid>,
    /// The entries, in ascending order of their keys.
    pub entries: Vec<Entry>,
}

/// One key of a node, its record, and the subtree right of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The whole key.
    pub key: Key,
    /// The record.
    pub value: Cid,
    /// The subtree between this key and the next.
    pub right: Option<Cid>,
}

impl Node {
    /// Decodes a node in the only form that the specification allows: [`Node::encode`] returns
    /// exactly the accepted bytes.
    ///
    /// # Errors
    /// `BadNode` for a wrong shape, `NonCanonical` for a right one in the wrong encoding (a
    /// shared prefix that is not the longest included), `KeyOrder`, `BadPath` for a key that is
    /// empty or longer than any path, `TooLarge` above 1 MiB.
    pub fn decode(bytes: &[u8]) -> Result<Self, Problem> {
        // The general decoder reads unusual and invalid nodes, and reports what is wrong.
        scan::node(bytes).map_or_else(|| Self::decode_any(bytes), Ok)
    }

    pub(in crate::tree) fn decode_any(bytes: &[u8]) -> Result<Self, Problem> {
        if bytes.len() > NODE_BYTES_MAX {
            let message = format!("a node of {} bytes; {NODE_BYTES_MAX} at most", bytes.len());
            return Err(Problem::new(Code::TooLarge, message));
        }
        let mut from = Decoder::new(bytes);
        expect_count(from.map().map_err(bad)?, 2, "fields of a node")?;
        from.key("e").map_err(bad)?;
        let count = from.array().map_err(bad)?;
        // An entry takes 50 bytes at least: the claim cannot allocate more than the node holds.
        let mut entries: Vec<Entry> = Vec::with_capacity(count.min(bytes.len() / 50 + 1));
        let mut key = Vec::with_capacity(64);
        for _ in 0..count {
            let first = entries.is_empty();
            entries.push(decode_entry(&mut from, &mut key, first)?);
        }
        from.key("l").map_err(bad)?;
        let left = node_link(&mut from)?;
        from.end().map_err(bad)?;
        Ok(Self { left, entries })
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Encoder::with_capacity(16 + self.entries.len() * 120);
        to.map(2);
        to.text("e");
        to.array(self.entries.len());
        let mut last: &[u8] = b"";
        for entry in &self.entries {
            let key = entry.key.as_bytes();
            let shared = shared_prefix(last, key);
            to.map(4);
            to.text("k");
            to.bytes(key.get(shared..).unwrap_or_default());
            to.text("p");
            to.uint(shared as u64);
            to.text("t");
            to.nullable_link(entry.right.as_ref());
            to.text("v");
            to.link(&entry.value);
            last = key;
        }
        to.text("l");
        to.nullable_link(self.left.as_ref());
        to.finish()
    }
}

/// Reads one entry; `key` holds the key before it, and this one afterwards.
fn decode_entry(from: &mut Decoder<'_>, key: &mut Vec<u8>, first: bool) -> Result<Entry, Problem> {
    expect_count(from.map().map_err(bad)?, 4, "fields of an entry")?;
    from.key("k").map_err(bad)?;
    let suffix = from.bytes().map_err(bad)?;
    from.key("p").map_err(bad)?;
    let shared = from.uint().map_err(bad)?;
    next_key(key, shared, suffix, first)?;
    from.key("t").map_err(bad)?;
    let right = node_link(from)?;
    from.key("v").map_err(bad)?;
    let value = from.link().map_err(bad)?;
    Ok(Entry { key: Key::from(&key[..]), value, right })
}

fn next_key(key: &mut Vec<u8>, shared: u64, suffix: &[u8], first: bool) -> Result<(), Problem> {
    let shared = usize::try_from(shared).ok().filter(|shared| *shared <= key.len());
    let Some(shared) = shared else {
        let message = "an entry shares more of the key before it than there is";
        return Err(Problem::new(Code::BadNode, message).path(&key));
    };
    // Before anything is said of the key: what is said must not be longer than a path either.
    if shared + suffix.len() > PATH_BYTES_MAX {
        let message = format!("a key of {} bytes; {PATH_BYTES_MAX} at most", shared + suffix.len());
        return Err(Problem::new(Code::BadPath, message));
    }
    let (start, after) = key.split_at(shared);
    // Where the keys part, the new one has to go up; a key that is a prefix of the last goes down.
    match (after.first(), suffix.first()) {
        (_, None) if first => return Err(Problem::new(Code::BadPath, "an empty key")),
        (Some(old), Some(new)) if old == new => {
            let message = "an entry does not use the longest shared prefix";
            return Err(Problem::new(Code::NonCanonical, message).path([start, suffix].concat()));
        }
        (Some(old), Some(new)) if old > new => return Err(out_of_order(start, suffix)),
        (_, None) => return Err(out_of_order(start, suffix)),
        _ => {}
    }
    key.truncate(shared);
    key.extend_from_slice(suffix);
    Ok(())
}

fn out_of_order(start: &[u8], suffix: &[u8]) -> Problem {
    let message = "a key does not come after the one before it";
    Problem::new(Code::KeyOrder, message).path([start, suffix].concat())
}

fn node_link(from: &mut Decoder<'_>) -> Result<Option<Cid>, Problem> {
    let link = from.nullable_link().map_err(bad)?;
    match link {
        Some(cid) if !cid.is_dag_cbor() => {
            let message = format!("a link to a node has the form of something else: {cid}");
            Err(Problem::new(Code::BadNode, message))
        }
        link => Ok(link),
    }
}

fn expect_count(found: usize, expected: usize, what: &str) -> Result<(), Problem> {
    if found == expected {
        return Ok(());
    }
    Err(Problem::new(Code::BadNode, format!("{found} {what}; there have to be {expected}")))
}

fn bad(fault: Fault) -> Problem {
    fault.problem(Code::BadNode)
}

/// How many bytes two keys share from their start.
pub(crate) fn shared_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}
