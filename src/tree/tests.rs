//! The form of nodes, rule by rule, and their places.

use super::*;
use crate::block::drisl::Encoder;
use crate::block::{Block, Cid, Codec};
use crate::error::{Error, Result};
use crate::limits::{NODE_BYTES_MAX, PATH_BYTES_MAX};
use crate::problem::Code;
use crate::tree::node::shared_prefix;
use std::collections::HashMap;

fn cid(name: &str) -> Cid {
    Cid::of(Codec::DagCbor, name.as_bytes())
}

/// Entries as (p, k, t), all with the same record, and the node around them.
fn written(entries: &[(u64, &[u8], Option<Cid>)], left: Option<&Cid>) -> Vec<u8> {
    let mut to = Encoder::new();
    to.map(2);
    to.text("e");
    to.array(entries.len());
    for (shared, suffix, right) in entries {
        to.map(4);
        to.text("k");
        to.bytes(suffix);
        to.text("p");
        to.uint(*shared);
        to.text("t");
        to.nullable_link(right.as_ref());
        to.text("v");
        to.link(&cid("record"));
    }
    to.text("l");
    to.nullable_link(left);
    to.finish()
}

fn fault(entries: &[(u64, &[u8], Option<Cid>)]) -> Code {
    Node::decode(&written(entries, None)).unwrap_err().code
}

#[test]
fn what_the_specification_asks_is_taken() {
    let bytes = written(&[(0, b"ab", Some(cid("t"))), (1, b"c", None)], Some(&cid("l")));
    let node = Node::decode(&bytes).unwrap();
    assert_eq!(node.left, Some(cid("l")));
    let keys: Vec<_> = node.entries.iter().map(|entry| entry.key.to_string()).collect();
    assert_eq!(keys, ["ab", "ac"]);
    assert_eq!(node.entries[0].right, Some(cid("t")));
    assert_eq!(node.encode(), bytes);
    // A key may begin with all of the key before it.
    let longer = written(&[(0, b"a", None), (1, b"b", None)], None);
    assert_eq!(Node::decode(&longer).unwrap().encode(), longer);
}

#[test]
fn the_shared_prefix_has_to_be_the_longest() {
    assert_eq!(fault(&[(0, b"ab", None), (0, b"ac", None)]), Code::NonCanonical);
    assert_eq!(fault(&[(0, b"ab", None), (1, b"bc", None)]), Code::NonCanonical);
}

#[test]
fn no_more_can_be_shared_than_there_is() {
    assert_eq!(fault(&[(1, b"ab", None)]), Code::BadNode);
    assert_eq!(fault(&[(0, b"ab", None), (3, b"c", None)]), Code::BadNode);
    assert_eq!(fault(&[(0, b"ab", None), (u64::MAX, b"c", None)]), Code::BadNode);
}

#[test]
fn keys_ascend() {
    assert_eq!(fault(&[(0, b"b", None), (0, b"a", None)]), Code::KeyOrder);
    assert_eq!(fault(&[(0, b"ab", None), (2, b"", None)]), Code::KeyOrder);
    assert_eq!(fault(&[(0, b"ab", None), (1, b"", None)]), Code::KeyOrder);
}

#[test]
fn keys_are_neither_empty_nor_longer_than_paths() {
    assert_eq!(fault(&[(0, b"", None)]), Code::BadPath);
    let longest = vec![b'a'; PATH_BYTES_MAX];
    assert!(Node::decode(&written(&[(0, &longest, None)], None)).is_ok());
    let shared = PATH_BYTES_MAX as u64;
    assert_eq!(fault(&[(0, &longest, None), (shared, b"a", None)]), Code::BadPath);
}

#[test]
fn fields_are_all_there_and_no_others() {
    let mut without_left = Encoder::new();
    without_left.map(1);
    without_left.text("e");
    without_left.array(0);
    let mut with_extra = Encoder::new();
    with_extra.map(3);
    for (key, is_list) in [("e", true), ("l", false), ("x", false)] {
        with_extra.text(key);
        if is_list { with_extra.array(0) } else { with_extra.null() }
    }
    let mut out_of_order = Encoder::new();
    out_of_order.map(2);
    out_of_order.text("l");
    out_of_order.null();
    out_of_order.text("e");
    out_of_order.array(0);
    for bytes in [without_left, with_extra, out_of_order].map(Encoder::finish) {
        assert_eq!(Node::decode(&bytes).unwrap_err().code, Code::BadNode);
    }
    // The same inside an entry: t left out.
    let mut short_entry = Encoder::new();
    short_entry.map(2);
    short_entry.text("e");
    short_entry.array(1);
    short_entry.map(3);
    short_entry.text("k");
    short_entry.bytes(b"a");
    short_entry.text("p");
    short_entry.uint(0);
    short_entry.text("v");
    short_entry.link(&cid("record"));
    short_entry.text("l");
    short_entry.null();
    assert_eq!(Node::decode(&short_entry.finish()).unwrap_err().code, Code::BadNode);
}

#[test]
fn numbers_are_in_their_shortest_form() {
    let bytes = written(&[(0, b"a", None)], None);
    let at = bytes.windows(3).position(|window| window == b"ap\0").unwrap() + 2;
    let long = [&bytes[..at], &[0x18, 0], &bytes[at + 1..]].concat();
    assert_eq!(Node::decode(&long).unwrap_err().code, Code::NonCanonical);
}

#[test]
fn links_to_nodes_are_blessed_and_links_to_records_kept() {
    let raw = Cid::of(Codec::Raw, b"a");
    assert_eq!(fault(&[(0, b"a", Some(raw.clone()))]), Code::BadNode);
    assert_eq!(Node::decode(&written(&[], Some(&raw))).unwrap_err().code, Code::BadNode);
    let other = Cid::from_bytes(&[&[0x01, 0x71, 0x13, 0x40][..], &[7; 64]].concat()).unwrap();
    for value in [raw, other] {
        let entry = Entry { key: "a".into(), value, right: None };
        let node = Node { left: None, entries: vec![entry] };
        assert_eq!(Node::decode(&node.encode()).unwrap(), node);
    }
}

#[test]
fn nothing_follows_and_nothing_is_too_large() {
    let mut bytes = written(&[(0, b"a", None)], None);
    bytes.push(0);
    assert_eq!(Node::decode(&bytes).unwrap_err().code, Code::BadNode);
    assert_eq!(Node::decode(&vec![0; NODE_BYTES_MAX + 1]).unwrap_err().code, Code::TooLarge);
}

#[test]
fn shared_prefixes_are_those_of_the_interoperability_vectors() {
    let table = include_str!("../../tests/vectors/prefixes.tsv");
    let rows: Vec<&str> = table.lines().filter(|row| !row.starts_with('#')).collect();
    assert_eq!(rows.len(), 13);
    for row in rows {
        let [length, left, right] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{row}")
        };
        let [left, right] = [left, right].map(|key| serde_json::from_str::<String>(key).unwrap());
        let found = shared_prefix(left.as_bytes(), right.as_bytes());
        assert_eq!(found.to_string(), length, "{row}");
    }
}

struct Nodes(HashMap<Cid, Block>);

impl NodeSource for Nodes {
    fn load(&mut self, gap: &Gap) -> Result<Block> {
        let missing = || Error::Request("missing".to_owned());
        self.0.get(&gap.cid).cloned().ok_or_else(missing)
    }
}

/// What both readers of placed nodes say of a root node above the given children.
fn refusal(root: &Node, below: &[&Node]) -> (Code, Code) {
    let root = Block::dag_cbor(root.encode());
    let mut nodes = Nodes(HashMap::new());
    for block in below.iter().map(|node| Block::dag_cbor(node.encode())).chain([root.clone()]) {
        nodes.0.insert(block.cid().clone(), block);
    }
    let mut walk = Walk::new(root.cid().clone());
    let mut walked = Vec::new();
    loop {
        match walk.next() {
            Want::Node(want) => walked.extend(walk.enter(&nodes.0[&want.cid])),
            Want::End => break,
            _ => {}
        }
    }
    let mut tree = Tree::at(root.cid().clone(), None);
    let error = hold_all(&mut tree.root, &mut nodes).unwrap_err();
    (walked[0].code, error.problems()[0].code)
}

fn hold_all(child: &mut Child, source: &mut Nodes) -> Result<()> {
    let held = child.hold(source)?;
    let rights = held.entries.iter_mut().filter_map(|entry| entry.right.as_mut());
    for child in held.left.iter_mut().chain(rights) {
        hold_all(child, source)?;
    }
    Ok(())
}

fn node(left: Option<&Node>, entries: &[(&str, Option<&Node>)]) -> Node {
    let link = |node: &Node| Block::dag_cbor(node.encode()).cid().clone();
    let entries = entries.iter().map(|(key, right)| Entry {
        key: Key::from(*key),
        value: cid("record"),
        right: right.map(link),
    });
    Node { left: left.map(link), entries: entries.collect() }
}

#[test]
fn a_node_out_of_place_is_refused_by_both_readers() {
    // "blue" is of layer 1; "2653ae71" and "asdf" of layer 0; "88bfafc7" of layer 2.
    let bare = node(None, &[]);
    let low = node(None, &[("2653ae71", None)]);
    let high = node(None, &[("88bfafc7", None)]);
    let lifted = node(Some(&low), &[]);
    let none: [&Node; 0] = [];
    for (root, below, code) in [
        (node(Some(&low), &[]), vec![&low], Code::EmptyNode),
        (node(Some(&bare), &[("blue", None)]), vec![&bare], Code::EmptyNode),
        (node(Some(&lifted), &[("blue", None)]), vec![&lifted, &low], Code::EmptyNode),
        (node(None, &[("2653ae71", Some(&low))]), vec![&low], Code::WrongLayer),
        (node(None, &[("2653ae71", None), ("blue", None)]), none.to_vec(), Code::WrongLayer),
        (node(Some(&high), &[("blue", None)]), vec![&high], Code::WrongLayer),
        (node(None, &[("blue", Some(&low))]), vec![&low], Code::KeyRange),
    ] {
        assert_eq!(refusal(&root, &below), (code, code), "{root:?}");
    }
    // The right edge: "zoo1" hangs left of "blue".
    let far = node(None, &[("zoo1", None)]);
    assert_eq!(layer(b"zoo1"), 0);
    let expected = (Code::KeyRange, Code::KeyRange);
    assert_eq!(refusal(&node(Some(&far), &[("blue", None)]), &[&far]), expected);
}

#[test]
fn a_bare_node_is_a_root_and_nothing_else() {
    let bare = Block::dag_cbor(Node::default().encode());
    let mut nodes = Nodes(HashMap::from([(bare.cid().clone(), bare.clone())]));
    for height in [None, Some(0)] {
        let mut tree = Tree::at(bare.cid().clone(), height);
        assert_eq!(tree.find(&"a".into(), &mut nodes).unwrap(), None);
    }
    assert!(Tree::at(bare.cid().clone(), Some(1)).find(&"a".into(), &mut nodes).is_err());
}
