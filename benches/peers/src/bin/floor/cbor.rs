//! As much CBOR as headers, commits and nodes take. What is not of their one form is `None`.

use crate::car::Cid;

const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;

pub struct Commit<'f> {
    pub did: &'f str,
    pub signature: &'f [u8],
    pub data: Cid,
    /// What the signature is over: the same map without `sig`.
    pub unsigned: Vec<u8>,
}

pub struct Entry<'f> {
    pub suffix: &'f [u8],
    pub shared: usize,
    pub right: Option<Cid>,
    pub value: Cid,
}

pub fn root_of_header(bytes: &[u8]) -> Option<Cid> {
    let mut from = Reader(bytes);
    from.map_of(2)?;
    from.key("roots")?;
    (from.head(ARRAY)? == 1).then_some(())?;
    let root = from.link()?;
    from.key("version")?;
    (from.0 == [1]).then_some(root)
}

impl<'f> Commit<'f> {
    pub fn decode(bytes: &'f [u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        from.map_of(6)?;
        from.key("did")?;
        let did = std::str::from_utf8(from.string(TEXT)?).ok()?;
        from.key("rev")?;
        from.string(TEXT)?;
        let before = bytes.len() - from.0.len();
        from.key("sig")?;
        let signature = from.string(BYTES)?;
        let after = from.0;
        from.key("data")?;
        let data = from.link()?;
        from.key("prev")?;
        from.link_or_null()?;
        from.key("version")?;
        (from.0 == [3]).then_some(())?;
        let unsigned = [&[0xa5], bytes.get(1..before)?, after].concat();
        Some(Self { did, signature, data, unsigned })
    }
}

/// The subtree left of the entries, and the entries.
pub fn node(bytes: &[u8]) -> Option<(Option<Cid>, Vec<Entry<'_>>)> {
    let mut from = Reader(bytes);
    from.map_of(2)?;
    from.key("e")?;
    let count = from.head(ARRAY)?;
    let entries = (0..count).map(|_| entry(&mut from)).collect::<Option<_>>()?;
    from.key("l")?;
    let left = from.link_or_null()?;
    from.0.is_empty().then_some((left, entries))
}

fn entry<'f>(from: &mut Reader<'f>) -> Option<Entry<'f>> {
    from.map_of(4)?;
    from.key("k")?;
    let suffix = from.string(BYTES)?;
    from.key("p")?;
    let shared = from.head(0)?;
    from.key("t")?;
    let right = from.link_or_null()?;
    from.key("v")?;
    Some(Entry { suffix, shared, right, value: from.link()? })
}

struct Reader<'f>(&'f [u8]);

impl<'f> Reader<'f> {
    /// The number of a head of this major type.
    fn head(&mut self, major: u8) -> Option<usize> {
        let first = *self.0.split_off_first()?;
        let width = match first & 0x1f {
            small @ 0..24 => return (first >> 5 == major).then_some(usize::from(small)),
            24 => 1,
            25 => 2,
            26 => 4,
            _ => return None,
        };
        let digits = self.0.split_off(..width)?;
        let number = digits.iter().fold(0, |number, digit| number << 8 | usize::from(*digit));
        (first >> 5 == major).then_some(number)
    }

    fn map_of(&mut self, fields: usize) -> Option<()> {
        (self.head(MAP)? == fields).then_some(())
    }

    fn string(&mut self, major: u8) -> Option<&'f [u8]> {
        let length = self.head(major)?;
        self.0.split_off(..length)
    }

    fn key(&mut self, name: &str) -> Option<()> {
        (self.string(TEXT)? == name.as_bytes()).then_some(())
    }

    fn link(&mut self) -> Option<Cid> {
        // Tag 42, 37 bytes, and the zero in front of a CID.
        self.0 = self.0.strip_prefix(&[0xd8, 0x2a, 0x58, 0x25, 0x00])?;
        let (cid, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*cid)
    }

    fn link_or_null(&mut self) -> Option<Option<Cid>> {
        if let Some(rest) = self.0.strip_prefix(&[0xf6]) {
            self.0 = rest;
            return Some(None);
        }
        self.link().map(Some)
    }
}
