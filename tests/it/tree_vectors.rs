//! Trees of the interoperability tests and of the tree test suite.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use carrack::block::{Block, Cid};
use carrack::car::Reader;
use carrack::error::{Code, Problem, Result};
use carrack::tree::{Change, Gap, Key, Node, NodeSource, Tree, diff, layer};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

fn fixtures() -> Option<PathBuf> {
    let root = std::env::var_os("CARRACK_FIXTURES").map(PathBuf::from);
    if root.is_none() {
        eprintln!("skipped: CARRACK_FIXTURES is not set");
    }
    root
}

fn read_json(path: PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

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

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn layers_of_keys() {
    let Some(root) = fixtures() else { return };
    let vectors = read_json(root.join("atproto-interop-tests/mst/key_heights.json"));
    for vector in vectors.as_array().unwrap() {
        let found = layer(vector["key"].as_str().unwrap().as_bytes());
        assert_eq!(u64::from(found), vector["height"], "{vector}");
    }
}

#[test]
fn the_order_of_insertions_does_not_matter() {
    let Some(root) = fixtures() else { return };
    let file = root.join("atproto-interop-tests/mst/example_keys.txt");
    let file = std::fs::read_to_string(file).unwrap();
    let mut keys: Vec<&str> = file.lines().filter(|line| !line.is_empty()).collect();
    assert!(keys.len() > 100);
    let value = Block::dag_cbor(vec![0xa0]).cid().clone();
    let mut roots = BTreeSet::new();
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
            let put = tree.insert(&Key::from(*key), value.clone(), &mut Blocks::default());
            assert_eq!(put.unwrap().0, None);
            // Sealing on the way changes nothing either.
            if done % 7 == usize::from(salt) {
                tree.seal();
            }
        }
        roots.insert(tree.seal());
        for key in keys.iter().rev() {
            let removed = tree.remove(&Key::from(*key), &mut Blocks::default()).unwrap();
            assert_eq!(removed.as_ref(), Some(&value));
        }
        assert_eq!(tree.seal(), Tree::empty().seal());
    }
    assert_eq!(roots.len(), 1);
}

#[test]
fn proofs_of_commits() {
    let Some(root) = fixtures() else { return };
    let path = root.join("atproto-interop-tests/firehose/commit-proof-fixtures.json");
    for vector in read_json(path).as_array().unwrap() {
        let name = vector["comment"].as_str().unwrap();
        let value: Cid = vector["leafValue"].as_str().unwrap().parse().unwrap();
        let [keys, adds, dels] = ["keys", "adds", "dels"].map(|field| texts(&vector[field]));
        let mut blocks = Blocks::default();
        let mut tree = Tree::empty();
        for key in keys {
            tree.insert(&key.into(), value.clone(), &mut blocks).unwrap();
        }
        let before = keep(&mut tree, &mut blocks);
        assert_eq!(before.to_string(), vector["rootBeforeCommit"], "{name}");
        for key in &adds {
            tree.insert(&(*key).into(), value.clone(), &mut blocks).unwrap();
        }
        for key in &dels {
            tree.remove(&(*key).into(), &mut blocks).unwrap().unwrap();
        }
        let after = keep(&mut tree, &mut blocks);
        assert_eq!(after.to_string(), vector["rootAfterCommit"], "{name}");

        // Only what the vector names is needed to undo the commit, and all of it to prove as well.
        let named: BTreeSet<Cid> =
            texts(&vector["blocksInProof"]).iter().map(|cid| cid.parse().unwrap()).collect();
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
        while let Some(frame) = reader.next_frame().unwrap() {
            let block = frame.into_block().unwrap();
            assert_eq!(Node::decode(block.bytes()).unwrap().encode(), **block.bytes());
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
    created: BTreeSet<Cid>,
    deleted: BTreeSet<Cid>,
    changes: Vec<Change>,
    proof: BTreeSet<Cid>,
    inductive: BTreeSet<Cid>,
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
                created: set(columns[2]),
                deleted: set(columns[3]),
                changes: self.changes(columns[4]),
                proof: set(columns[5]),
                inductive: set(columns[6]),
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

#[test]
fn all_cases_of_the_tree_test_suite() {
    let Some(root) = fixtures() else { return };
    let suite = suite(&root);
    let mut stores: Vec<Blocks> = (0..suite.roots.len()).map(|n| suite.blocks_of(n)).collect();
    let mut count = 0;
    for Case { a, b, created, deleted, changes, proof, inductive, line } in suite.cases() {
        let [root_a, root_b] = [a, b].map(|number| suite.roots[number].clone());
        let at = |root: &Cid| Tree::at(root.clone(), None);

        let mut store_a = std::mem::take(&mut stores[a]);
        let store_b = if a == b { &mut Blocks::default() } else { &mut stores[b] };
        let found = diff(&mut at(&root_a), &mut store_a, &mut at(&root_b), store_b).unwrap();
        stores[a] = store_a;
        assert!(found.created.keys().eq(&created), "created: {line}");
        assert!(found.deleted.keys().eq(&deleted), "deleted: {line}");
        assert_eq!(found.changes, changes, "{line}");

        let store = &mut stores[b];
        let mut tree = at(&root_b);
        let paths = changes.iter().flat_map(|change| search_path(&mut tree, &change.key, store));
        assert_eq!(paths.collect::<BTreeSet<_>>(), proof, "proof: {line}");

        store.read.clear();
        let mut undone = at(&root_b);
        for Change { key, old, new } in changes.iter().rev() {
            let was = match old {
                Some(old) => undone.insert(key, old.clone(), store).unwrap().0,
                None => undone.remove(key, store).unwrap(),
            };
            assert_eq!(was, *new, "{line}");
        }
        assert_eq!(undone.seal(), root_a, "inversion: {line}");
        assert_eq!(store.read, inductive, "read by the inversion: {line}");
        count += 1;
    }
    assert_eq!(count, 128 * 128);
}
