//! The tree against an ordered map, and nodes against any bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use carrack::block::{Block, Cid, Codec, drisl};
use carrack::error::Result;
use carrack::parts::tree::{Gap, NodeSource, Tree, Walk, Want, diff};
use carrack::tree::{Entry, Key, Node, layer};
use carrack::{Code, Problem};
use ipld_core::ipld;
use ipld_core::ipld::Ipld;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

type Model = BTreeMap<Vec<u8>, Cid>;

const TOP_LAYER: u8 = 8;
const KEYS_PER_LAYER: usize = 6;

/// Keys of every layer from 0 to 8, in no order that has to do with their layers.
static KEYS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut by_layer = vec![Vec::new(); usize::from(TOP_LAYER) + 1];
    for number in 0_u32.. {
        // A multiplication scatters the numbers, so that layers are mixed over the range of keys.
        let key = format!("com.example.mined/{:08x}", number.wrapping_mul(0x9e37_79b1));
        if let Some(of_layer) = by_layer.get_mut(usize::from(layer(key.as_bytes())))
            && of_layer.len() < KEYS_PER_LAYER
        {
            of_layer.push(key.into_bytes());
        }
        if by_layer.iter().all(|keys| keys.len() == KEYS_PER_LAYER) {
            break;
        }
    }
    by_layer.concat()
});

fn value(number: u8) -> Cid {
    Cid::of(Codec::DagCbor, &[number])
}

/// Builds the tree of a model from nothing, top down over the sorted keys: the definition.
fn build(model: &Model) -> (Cid, BTreeSet<Cid>) {
    let entries: Vec<_> = model.iter().map(|(key, value)| (&key[..], value)).collect();
    let height = entries.iter().map(|(key, _)| layer(key)).max().unwrap_or(0);
    let mut nodes = BTreeSet::new();
    let root = build_node(&entries, height, &mut nodes);
    (root, nodes)
}

fn build_node(entries: &[(&[u8], &Cid)], height: u8, nodes: &mut BTreeSet<Cid>) -> Cid {
    let own: Vec<usize> = (0..entries.len()).filter(|at| layer(entries[*at].0) == height).collect();
    let mut child = |range: std::ops::Range<usize>| match &entries[range] {
        [] => Ipld::Null,
        below => link(&build_node(below, height - 1, nodes)),
    };
    let left = child(0..own.first().copied().unwrap_or(entries.len()));
    let mut list = Vec::new();
    let mut last: &[u8] = b"";
    for (number, at) in own.iter().enumerate() {
        let (key, value) = entries[*at];
        let shared = (0..key.len()).take_while(|n| last.get(*n) == Some(&key[*n])).count();
        let end = own.get(number + 1).copied().unwrap_or(entries.len());
        let right = child(at + 1..end);
        list.push(ipld!({
            "p": i128::try_from(shared).unwrap(),
            "k": Ipld::Bytes(key[shared..].to_vec()),
            "v": link(value),
            "t": right,
        }));
        last = key;
    }
    let bytes = drisl::encode(&ipld!({ "l": left, "e": list })).unwrap();
    let cid = Cid::of(Codec::DagCbor, &bytes);
    nodes.insert(cid.clone());
    cid
}

fn link(cid: &Cid) -> Ipld {
    Ipld::Link(cid.to_bytes()[..].try_into().unwrap())
}

struct Blocks(HashMap<Cid, Block>);

impl Blocks {
    /// The empty tree's only node.
    fn new() -> Self {
        let empty = Block::dag_cbor(Node::default().encode());
        Self(HashMap::from([(empty.cid().clone(), empty)]))
    }
}

impl NodeSource for Blocks {
    fn load(&mut self, gap: &Gap) -> Result<Block> {
        let missing = || Problem::new(Code::MissingNode, "a gap").cid(&gap.cid).into();
        self.0.get(&gap.cid).cloned().ok_or_else(missing)
    }
}

#[derive(Clone, Debug)]
enum Edit {
    Put(usize, u8),
    Remove(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    // Any layer is as likely as any other.
    let key = 0..usize::from(TOP_LAYER + 1) * KEYS_PER_LAYER;
    prop_oneof![
        3 => (key.clone(), 0..4_u8).prop_map(|(key, value)| Edit::Put(key, value)),
        2 => key.prop_map(Edit::Remove),
    ]
}

/// Makes the same edit to a tree and a model; both say what was there before.
fn apply(edit: &Edit, tree: &mut Tree, model: &mut Model, blocks: &mut Blocks) {
    match edit {
        Edit::Put(key, number) => {
            let key = &KEYS[*key];
            let value = value(*number);
            let (was, in_node) = tree.insert(&key[..].into(), value.clone(), blocks).unwrap();
            assert_eq!(was, model.insert(key.clone(), value));
            assert!(in_node >= 1);
        }
        Edit::Remove(key) => {
            let key = &KEYS[*key];
            assert_eq!(tree.remove(&key[..].into(), blocks).unwrap(), model.remove(key));
        }
    }
}

/// Walks a tree, expects no problem, and gives its nodes and records.
fn walk(root: &Cid, blocks: &Blocks) -> (BTreeSet<Cid>, Model) {
    let (mut walk, mut nodes, mut records) =
        (Walk::new(root.clone()), BTreeSet::new(), Model::new());
    loop {
        match walk.next() {
            Want::Node(want) => {
                assert_eq!(walk.enter(&blocks.0[&want.cid]), []);
                assert!(nodes.insert(want.cid));
            }
            Want::Record(want) => {
                assert!(records.insert(want.key.as_bytes().to_vec(), want.cid).is_none());
            }
            Want::Leave { .. } => {}
            Want::End => return (nodes, records),
        }
    }
}

/// Seals a tree, puts what the edit made into `blocks`, and holds all of it to the model.
fn check(before: &Cid, old: &Model, tree: &mut Tree, model: &Model, blocks: &mut Blocks) -> Cid {
    let root = tree.seal();
    let (expected, nodes) = build(model);
    assert_eq!(root, expected);
    let mut sources = [Blocks(blocks.0.clone()), Blocks(blocks.0.clone())];
    let [old_source, new_source] = &mut sources;
    let mut previous = Tree::at(before.clone(), None);
    let made = diff(&mut previous, old_source, tree, new_source).unwrap();
    blocks.0.extend(made.created.clone());
    let (walked, records) = walk(&root, blocks);
    assert_eq!(walked, nodes);
    assert_eq!(records, *model);

    let (_, old_nodes) = build(old);
    assert!(made.created.keys().eq(nodes.difference(&old_nodes)));
    assert!(made.deleted.keys().eq(old_nodes.difference(&nodes)));
    for change in &made.changes {
        assert_eq!(change.old.as_ref(), old.get(change.key.as_bytes()));
        assert_eq!(change.new.as_ref(), model.get(change.key.as_bytes()));
        assert_ne!(change.old, change.new);
    }
    let keys = old.keys().chain(model.keys()).collect::<BTreeSet<_>>();
    let changed = keys.into_iter().filter(|key| old.get(*key) != model.get(*key)).count();
    assert_eq!(made.changes.len(), changed);
    root
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn edits_give_the_tree_of_the_definition(edits in vec(edit(), 1..60)) {
        let (mut tree, mut model) = (Tree::empty(), Model::new());
        let mut root = tree.seal();
        let mut blocks = Blocks::new();
        check(&root, &Model::new(), &mut tree, &model, &mut blocks);
        for edit in edits {
            let old = model.clone();
            // The tree that stays in memory, and one that knows nothing but its root.
            let mut loaded = Tree::at(root.clone(), None);
            let mut loaded_model = model.clone();
            apply(&edit, &mut tree, &mut model, &mut blocks);
            apply(&edit, &mut loaded, &mut loaded_model, &mut blocks);
            let before = root;
            root = check(&before, &old, &mut tree, &model, &mut blocks);
            prop_assert_eq!(&loaded.seal(), &root);
            let mut fresh = Tree::at(root.clone(), None);
            for key in KEYS.iter() {
                let found = fresh.find(&key[..].into(), &mut blocks).unwrap();
                prop_assert_eq!(found.as_ref(), model.get(key));
                prop_assert_eq!(tree.find(&key[..].into(), &mut blocks).unwrap(), found);
            }
        }
    }

    #[test]
    fn many_edits_between_two_seals(edits in vec(vec(edit(), 0..25), 1..6)) {
        let mut blocks = Blocks::new();
        let (mut model, mut root) = (Model::new(), Tree::empty().seal());
        for batch in edits {
            let old = model.clone();
            let mut tree = Tree::at(root.clone(), None);
            for edit in &batch {
                apply(edit, &mut tree, &mut model, &mut blocks);
            }
            root = check(&root, &old, &mut tree, &model, &mut blocks);
        }
    }

    #[test]
    fn a_missing_node_is_an_error_and_never_an_answer(
        keys in vec(0..54_usize, 1..40),
        asked in 0..54_usize,
        dropped: prop::sample::Index,
    ) {
        let (mut tree, mut model) = (Tree::empty(), Model::new());
        let mut blocks = Blocks::new();
        for key in keys {
            apply(&Edit::Put(key, 0), &mut tree, &mut model, &mut blocks);
        }
        let root = check(&Tree::empty().seal(), &Model::new(), &mut tree, &model, &mut blocks);
        let gone = dropped.get(&blocks.0.keys().cloned().collect::<Vec<_>>()).clone();
        blocks.0.remove(&gone);
        let key = &KEYS[asked];
        if let Ok(found) = Tree::at(root.clone(), None).find(&key[..].into(), &mut blocks) {
            prop_assert_eq!(found.as_ref(), model.get(key));
        }
        let mut edited = Tree::at(root, None);
        if let Ok(removed) = edited.remove(&key[..].into(), &mut blocks) {
            prop_assert_eq!(removed, model.remove(key));
            prop_assert_eq!(edited.seal(), build(&model).0);
        }
    }
}

fn node() -> impl Strategy<Value = Node> {
    let key = prop_oneof!["[a-c]{1,6}", "[a-z./]{1,40}", "a{1,400}"];
    let link = || prop::option::of(any::<u8>().prop_map(value));
    let entry = (key, any::<u8>(), link());
    (link(), vec(entry, 0..12)).prop_map(|(left, entries)| {
        let sorted: BTreeMap<_, _> =
            entries.into_iter().map(|(key, number, right)| (key, (number, right))).collect();
        let entries = sorted.into_iter().map(|(key, (number, right))| Entry {
            key: Key::from(&key[..]),
            value: value(number),
            right,
        });
        Node { left, entries: entries.collect() }
    })
}

fn one_form_only(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(node) = Node::decode(bytes) {
        prop_assert_eq!(node.encode(), bytes);
    }
    Ok(())
}

proptest! {
    #[test]
    fn nodes_go_both_ways(node in node()) {
        prop_assert_eq!(Node::decode(&node.encode()).unwrap(), node);
    }

    #[test]
    fn what_is_accepted_has_one_form(
        node in node(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let mut bytes = node.encode();
        for (at, byte, how) in edits {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
            one_form_only(&bytes)?;
        }
    }

    #[test]
    fn every_byte_counts(node in node(), at: prop::sample::Index, bit in 0..8_u8) {
        let mut bytes = node.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        one_form_only(&bytes)?;
        prop_assert_ne!(Node::decode(&bytes).ok(), Some(node));
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in vec(any::<u8>(), 0..300)) {
        one_form_only(&bytes)?;
        one_form_only(&[b"\xa2\x61e\x81\xa4\x61k", &bytes[..]].concat())?;
    }
}
