//! Trees of the interoperability tests and of the tree test suite.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use crate::common::material::{fixtures, table, unquoted};
use carrack::block::{Block, Cid};
use carrack::car::Reader;
use carrack::error::Result;
use carrack::parts::tree::{Gap, NodeSource, Tree, diff};
use carrack::tree::{Change, Key, Node, layer};
use carrack::{Code, Problem};
use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// The node of a tree without records: no entries, nothing to their left.
const EMPTY_NODE: &[u8] = b"\xa2\x61e\x80\x61l\xf6";

/// Blocks by CID, and which of them have been asked for.
#[derive(Default)]
struct Blocks {
    by_cid: HashMap<Cid, Block>,
    read: BTreeSet<Cid>,
}

impl NodeSource for Blocks {
    fn load(&mut self, gap: &Gap) -> Result<Block> {
        self.read.insert(gap.cid.clone());
        let missing = || Problem::new(Code::MissingNode, "a gap").cid(&gap.cid).into();
        self.by_cid.get(&gap.cid).cloned().ok_or_else(missing)
    }
}

/// Keeps every node of a sealed tree that is in memory.
fn keep(tree: &mut Tree, blocks: &mut Blocks) -> Cid {
    let root = tree.seal();
    let mut empty = Tree::empty();
    let no_source = &mut Blocks::default();
    let made = diff(&mut empty, no_source, tree, blocks).unwrap();
    blocks.by_cid.extend(made.created);
    blocks.read.clear();
    root
}

#[test]
fn layers_of_keys() {
    for row in table("key-heights") {
        let [height, key] = row[..] else { panic!("{row:?}") };
        assert_eq!(layer(unquoted(key).as_bytes()).to_string(), height, "{key}");
    }
}

/// The keys of the example, by their beginnings ("A3"); the value of all of them; the root.
struct Example {
    keys: BTreeMap<String, String>,
    value: Cid,
    root: Cid,
}

impl Example {
    fn read() -> Self {
        let (mut keys, mut named) = (BTreeMap::new(), BTreeMap::new());
        for row in table("example-tree") {
            match row[..] {
                ["keys", letter, numbers] => {
                    for (layer, number) in numbers.split(' ').enumerate() {
                        let name = format!("{letter}{layer}");
                        keys.insert(name.clone(), format!("{name}/{number}"));
                    }
                }
                [name, cid] => drop(named.insert(name, cid.parse().unwrap())),
                _ => panic!("{row:?}"),
            }
        }
        assert_eq!(keys.len(), 26 * 6);
        let [value, root] = ["value", "root"].map(|name| named.remove(name).unwrap());
        Self { keys, value, root }
    }

    /// The keys of a list: names of the example's, or whole keys.
    fn keys_of<'a>(&'a self, list: &'a str) -> Vec<&'a str> {
        let names = list.split(' ').filter(|name| *name != "-");
        names.map(|name| self.keys.get(name).map_or(name, String::as_str)).collect()
    }
}

#[test]
fn the_order_of_insertions_does_not_matter() {
    let example = Example::read();
    let mut keys: Vec<&str> = example.keys.values().map(String::as_str).collect();
    for key in &keys {
        assert_eq!(layer(key.as_bytes()).to_string(), key[1..2], "{key}");
    }
    let by_digest =
        |key: &&str, salt: u8| Block::dag_cbor([key.as_bytes(), &[salt]].concat()).cid().to_bytes();
    for salt in 0..6 {
        match salt {
            0 => keys.sort_unstable(),
            1 => keys.reverse(),
            _ => keys.sort_by_key(|key| by_digest(key, salt)),
        }
        let mut tree = Tree::empty();
        for (done, key) in keys.iter().enumerate() {
            let put = tree.insert(&Key::from(*key), example.value.clone(), &mut Blocks::default());
            assert_eq!(put.unwrap().0, None);
            // Sealing on the way changes nothing either.
            if done % 7 == usize::from(salt) {
                tree.seal();
            }
        }
        assert_eq!(tree.seal(), example.root, "order {salt}");
        for key in keys.iter().rev() {
            let removed = tree.remove(&Key::from(*key), &mut Blocks::default()).unwrap();
            assert_eq!(removed.as_ref(), Some(&example.value));
        }
        assert_eq!(tree.seal(), Tree::empty().seal());
    }
}

#[test]
fn proofs_of_commits() {
    let example = Example::read();
    let value = &example.value;
    for row in table("commit-proofs") {
        let [name, keys, adds, dels, root_before, root_after, proof] = row[..] else {
            panic!("{row:?}")
        };
        let [keys, adds, dels] = [keys, adds, dels].map(|list| example.keys_of(list));
        let mut blocks = Blocks::default();
        let mut tree = Tree::empty();
        for key in keys {
            tree.insert(&key.into(), value.clone(), &mut blocks).unwrap();
        }
        let before = keep(&mut tree, &mut blocks);
        assert_eq!(before.to_string(), root_before, "{name}");
        for key in &adds {
            tree.insert(&(*key).into(), value.clone(), &mut blocks).unwrap();
        }
        for key in &dels {
            tree.remove(&(*key).into(), &mut blocks).unwrap().unwrap();
        }
        let after = keep(&mut tree, &mut blocks);
        assert_eq!(after.to_string(), root_after, "{name}");

        // Only what the vector names is needed to undo the commit, and all of it to prove as well.
        let named: BTreeSet<Cid> = proof.split(' ').map(|cid| cid.parse().unwrap()).collect();
        let given = named.iter().map(|cid| (cid.clone(), blocks.by_cid[cid].clone())).collect();
        let mut slice = Blocks { by_cid: given, read: BTreeSet::new() };
        let mut undone = Tree::at(after.clone(), None);
        for key in &adds {
            undone.remove(&(*key).into(), &mut slice).unwrap().unwrap();
        }
        for key in &dels {
            undone.insert(&(*key).into(), value.clone(), &mut slice).unwrap();
        }
        assert_eq!(undone.seal(), before, "{name}");
        for key in adds.iter().chain(&dels) {
            let mut fresh = Tree::at(after.clone(), None);
            let (found, _) = fresh.proof(&(*key).into(), &mut slice).unwrap();
            assert_eq!(found.is_some(), adds.contains(key));
        }
        assert!(slice.read.is_subset(&named), "{name}");
    }
}

/// The suite's trees: roots, nodes of all of them, and each one's set of nodes.
struct Suite {
    roots: Vec<Cid>,
    nodes: Vec<BTreeSet<Cid>>,
    blocks: HashMap<Cid, Block>,
    cids: Vec<Cid>,
    cases: String,
}

fn suite(root: &Path) -> Suite {
    let folder = root.join("mst-test-suite");
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let cids = text("mst-diff-compact.cids").lines().map(|cid| cid.parse().unwrap()).collect();
    let mut cars: Vec<(usize, Value)> = Vec::new();
    for line in text("mst-cars.jsonl").lines() {
        let car: Value = serde_json::from_str(line).unwrap();
        let name = car["path"].as_str().unwrap().trim_end_matches(".car");
        cars.push((name.rsplit_once('_').unwrap().1.parse().unwrap(), car));
    }
    cars.sort_by_key(|(number, _)| *number);
    let (mut roots, mut nodes, mut blocks) = (Vec::new(), Vec::new(), HashMap::new());
    for (number, car) in cars {
        assert_eq!(number, roots.len());
        roots.push(car["root"].as_str().unwrap().parse().unwrap());
        let bytes = data_encoding::BASE64.decode(car["car_b64"].as_str().unwrap().as_bytes());
        let bytes = bytes.unwrap();
        let mut reader = Reader::new(&bytes[..]).unwrap();
        let mut own = BTreeSet::new();
        while let Some(frame) = reader.next_section().unwrap() {
            let block = frame.into_block().unwrap();
            assert_eq!(Node::decode(block.bytes()).unwrap().encode(), *block.bytes());
            own.insert(block.cid().clone());
            blocks.insert(block.cid().clone(), block);
        }
        nodes.push(own);
    }
    Suite { roots, nodes, blocks, cids, cases: text("mst-diff-compact.tsv") }
}

struct Case<'a> {
    a: usize,
    b: usize,
    expected: Difference,
    line: &'a str,
}

impl Suite {
    fn cases(&self) -> impl Iterator<Item = Case<'_>> {
        self.cases.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let set = |column: &str| match column {
                "-" => BTreeSet::new(),
                list => list.split(',').map(|number| self.cid(number).unwrap()).collect(),
            };
            Case {
                a: columns[0].parse().unwrap(),
                b: columns[1].parse().unwrap(),
                expected: Difference {
                    created: set(columns[2]),
                    deleted: set(columns[3]),
                    changes: self.changes(columns[4]),
                    proof: set(columns[5]),
                    inductive: set(columns[6]),
                },
                line,
            }
        })
    }

    fn cid(&self, number: &str) -> Option<Cid> {
        (number != "-").then(|| self.cids[number.parse::<usize>().unwrap()].clone())
    }

    fn changes(&self, column: &str) -> Vec<Change> {
        if column == "-" {
            return Vec::new();
        }
        let change = |op: &str| {
            let (path, values) = op.split_once('=').unwrap();
            let (old, new) = values.split_once('>').unwrap();
            Change { key: path.into(), old: self.cid(old), new: self.cid(new) }
        };
        column.split(';').map(change).collect()
    }

    fn blocks_of(&self, tree: usize) -> Blocks {
        let own = self.nodes[tree].iter().map(|cid| (cid.clone(), self.blocks[cid].clone()));
        Blocks { by_cid: own.collect(), read: BTreeSet::new() }
    }
}

/// The nodes on the way to `key`, no further than the suite's rule goes.
fn search_path(tree: &mut Tree, key: &Key, blocks: &mut Blocks) -> Vec<Cid> {
    let (_, path) = tree.proof(key, blocks).unwrap();
    let mut out = Vec::new();
    let mut height = None;
    for block in path {
        let node = Node::decode(block.bytes()).unwrap();
        let here = match node.entries.first() {
            Some(first) => layer(first.key.as_bytes()),
            None => height.map_or(0, |height: u8| height - 1),
        };
        height = Some(here);
        out.push(block.cid().clone());
        if layer(key.as_bytes()) > here {
            break;
        }
    }
    out
}

/// All that the suite says of the difference between two trees.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    created: BTreeSet<Cid>,
    deleted: BTreeSet<Cid>,
    changes: Vec<Change>,
    /// The nodes on the ways to the changed keys.
    proof: BTreeSet<Cid>,
    /// The nodes that are read when the changes are undone.
    inductive: BTreeSet<Cid>,
}

impl Difference {
    /// What is found from one tree to another; undoing it leads back.
    fn between(roots: &[Cid], stores: &mut [Blocks], a: usize, b: usize) -> Self {
        let at = |number: usize| Tree::at(roots[number].clone(), None);
        let mut store_a = std::mem::take(&mut stores[a]);
        let store_b = if a == b { &mut Blocks::default() } else { &mut stores[b] };
        let found = diff(&mut at(a), &mut store_a, &mut at(b), store_b).unwrap();
        stores[a] = store_a;

        let (store, mut tree) = (&mut stores[b], at(b));
        let paths = found.changes.iter().flat_map(|it| search_path(&mut tree, &it.key, store));
        let proof = paths.collect();

        store.read.clear();
        let mut undone = at(b);
        for Change { key, old, new } in found.changes.iter().rev() {
            let was = match old {
                Some(old) => undone.insert(key, old.clone(), store).unwrap().0,
                None => undone.remove(key, store).unwrap(),
            };
            assert_eq!(was, *new, "{key:?} from {a} to {b}");
        }
        assert_eq!(undone.seal(), roots[a], "inversion from {a} to {b}");
        Self {
            created: found.created.into_keys().collect(),
            deleted: found.deleted.into_keys().collect(),
            changes: found.changes,
            proof,
            inductive: store.read.clone(),
        }
    }

    /// The line that `tests/vectors/write.py` hashes: to which tree, the sets, the changes.
    fn line(&self, b: usize) -> String {
        let text = |cid: &Option<Cid>| cid.as_ref().map_or_else(|| "-".into(), Cid::to_string);
        let set = |cids: &BTreeSet<Cid>| {
            let mut texts: Vec<String> = cids.iter().map(Cid::to_string).collect();
            texts.sort_unstable();
            texts.join(" ")
        };
        let [created, deleted, proof, inductive] =
            [&self.created, &self.deleted, &self.proof, &self.inductive].map(set);
        let changes = self.changes.iter().map(|Change { key, old, new }| {
            let key = String::from_utf8_lossy(key.as_bytes()).into_owned();
            format!("{key} {} {}", text(old), text(new))
        });
        let changes = changes.collect::<Vec<_>>().join(",");
        format!("{b}:{created}:{deleted}:{proof}:{inductive}:{changes}\n")
    }
}

/// The suite's trees are made here, of its keys and values; what it says of the differences between
/// them is compared by digests. `all_cases_of_the_tree_test_suite` tells what is wrong.
#[test]
fn differences_of_all_subsets_of_seven_keys() {
    let (mut keys, mut roots, mut stores, mut digests) = (vec![], vec![], vec![], vec![]);
    for row in table("differences") {
        match row[..] {
            ["key", number, key, value] => {
                assert_eq!(number, keys.len().to_string());
                keys.push((Key::from(key), value.parse::<Cid>().unwrap()));
            }
            ["tree", number, root, digest] => {
                assert_eq!(number, roots.len().to_string());
                let (mut tree, mut blocks) = (Tree::empty(), Blocks::default());
                for (bit, (key, value)) in keys.iter().enumerate() {
                    if roots.len() >> bit & 1 == 1 {
                        tree.insert(key, value.clone(), &mut Blocks::default()).unwrap();
                    }
                }
                let made = keep(&mut tree, &mut blocks);
                assert_eq!(made.to_string(), root, "tree {number}");
                // What is kept is what the empty tree has not: its own node neither.
                let empty = Block::dag_cbor(EMPTY_NODE.to_vec());
                if made == *empty.cid() {
                    blocks.by_cid.insert(made.clone(), empty);
                }
                roots.push(made);
                stores.push(blocks);
                digests.push(digest);
            }
            _ => panic!("{row:?}"),
        }
    }
    assert_eq!((keys.len(), roots.len()), (7, 1 << 7));
    for (a, expected) in digests.into_iter().enumerate() {
        let mut said = Sha256::new();
        for b in 0..roots.len() {
            said.update(Difference::between(&roots, &mut stores, a, b).line(b));
        }
        let digest = HEXLOWER.encode(&said.finalize());
        assert_eq!(digest, expected, "the differences from tree {a}");
    }
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn all_cases_of_the_tree_test_suite() {
    let suite = suite(&fixtures());
    let mut stores: Vec<Blocks> = (0..suite.roots.len()).map(|n| suite.blocks_of(n)).collect();
    let mut count = 0;
    for Case { a, b, expected, line } in suite.cases() {
        let found = Difference::between(&suite.roots, &mut stores, a, b);
        assert_eq!(found, expected, "{line}");
        count += 1;
    }
    assert_eq!(count, 128 * 128);
}
