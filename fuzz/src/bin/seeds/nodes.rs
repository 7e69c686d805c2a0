use super::{Seeds, named};
use carrack::block::{Cid, Codec};
use carrack::car::Reader;
use carrack::tree::{Entry, Key, Node};
use carrack_fuzz::sample;

/// Nodes of a tree, and variants of one that are wrong in one way each.
pub fn nodes() -> Seeds {
    let mut seeds = Seeds::new();
    let mut sizes = Vec::new();
    for (number, bytes) in blocks_of_a_repository().into_iter().enumerate() {
        // One of each size is enough.
        if Node::decode(&bytes).is_ok() && !sizes.contains(&bytes.len()) {
            sizes.push(bytes.len());
            seeds.push((format!("node-{number}"), bytes));
        }
    }
    let link = |byte: u8| Cid::of(Codec::DagCbor, &[byte]);
    let entry =
        |key: &str, right: Option<Cid>| Entry { key: Key::from(key), value: link(1), right };
    let two = vec![entry("com.example.a/aa", Some(link(2))), entry("com.example.a/ab", None)];
    let good = Node { left: Some(link(3)), entries: two.clone() };
    let reversed = Node { left: None, entries: two.into_iter().rev().collect() };
    let encoded = good.encode();
    let mut raw_left = good.clone();
    raw_left.left = Some(Cid::of(Codec::Raw, b"a blob"));
    let mut extra = encoded.clone();
    extra.push(0);
    let mut more_fields = encoded.clone();
    more_fields[0] = 0xa3;
    more_fields.extend_from_slice(b"\x62zz\xf6");
    let long_prefix = replaced(&encoded, b"\x61p\x0f", b"\x61p\x18\x0f");
    let short_prefix = replaced(&encoded, b"\x61k\x41b\x61p\x0f", b"\x61k\x42ab\x61p\x0e");
    let past_the_end = replaced(&encoded, b"\x61p\x0f", b"\x61p\x17");
    seeds.extend(named(vec![
        ("empty", Node::default().encode()),
        ("two-entries", encoded),
        ("wrong-order", reversed.encode()),
        ("raw-left", raw_left.encode()),
        ("bytes-behind", extra),
        ("more-fields", more_fields),
        ("long-head", long_prefix),
        ("prefix-too-short", short_prefix),
        ("prefix-past-the-end", past_the_end),
        ("long-key", Node { left: None, entries: vec![entry(&"k".repeat(830), None)] }.encode()),
        (
            "too-long-key",
            Node { left: None, entries: vec![entry(&"k".repeat(831), None)] }.encode(),
        ),
        ("no-left", b"\xa1\x61e\x80".to_vec()),
    ]));
    seeds
}

/// Records, nodes, and what the rules are about.
pub fn values() -> Seeds {
    let mut seeds = Seeds::new();
    for (number, bytes) in blocks_of_a_repository().into_iter().enumerate().step_by(7) {
        seeds.push((format!("block-{number}"), bytes));
    }
    let nested = |depth: usize| [vec![0x81; depth], vec![0xf6]].concat();
    let cid_v0 = [&[0xd8, 0x2a, 0x58, 0x23, 0, 0x12, 0x20][..], &[9; 32]].concat();
    let identity = b"\xd8\x2a\x47\x00\x01\x55\x00\x02ab".to_vec();
    seeds.extend(named(vec![
        ("blob", sample::record(2, 0)),
        ("integers", b"\xa4\x61a\x1b\xff\xff\xff\xff\xff\xff\xff\xff\x61b\x3b\xff\xff\xff\xff\xff\xff\xff\xff\x61c\x18\x18\x61d\x39\x01\x00".to_vec()),
        ("long-integer", b"\xa1\x61a\x18\x17".to_vec()),
        ("float", b"\xa1\x61a\xfb\x3f\xf0\0\0\0\0\0\0".to_vec()),
        ("negative-zero", b"\xfb\x80\0\0\0\0\0\0\0".to_vec()),
        ("nan", b"\xfb\x7f\xf8\0\0\0\0\0\0".to_vec()),
        ("half-float", b"\xf9\x3c\x00".to_vec()),
        ("undefined", b"\xf7".to_vec()),
        ("key-order", b"\xa2\x62aa\x01\x61b\x02".to_vec()),
        ("keys-in-order", b"\xa2\x61b\x01\x62aa\x02".to_vec()),
        ("key-twice", b"\xa2\x61b\x01\x61b\x02".to_vec()),
        ("key-no-text", b"\xa1\x01\x02".to_vec()),
        ("no-utf-8", b"\x62\xff\xfe".to_vec()),
        ("indefinite", b"\x9f\x01\xff".to_vec()),
        ("tag", b"\xc1\x01".to_vec()),
        ("link-v0", cid_v0),
        ("link-identity", identity),
        ("nested-32", nested(32)),
        ("nested-33", nested(33)),
        ("claims-much", b"\x9b\0\0\0\0\xff\xff\xff\xff".to_vec()),
        ("link-like-map", b"\xa1\x65$link\x61x".to_vec()),
        ("bytes-like-map", b"\xa1\x66$bytes\x61x".to_vec()),
    ]));
    seeds
}

fn blocks_of_a_repository() -> Vec<Vec<u8>> {
    let car = sample::export(&sample::engine_with(120));
    let mut reader = Reader::new(&car[..]).unwrap();
    let next = || reader.next_section().unwrap().map(|frame| frame.bytes().to_vec());
    std::iter::from_fn(next).collect()
}

fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let at = memchr::memmem::rfind(bytes, old).expect("the node has such an entry");
    [&bytes[..at], new, &bytes[at + old.len()..]].concat()
}
