//! Repositories made without an engine: what an engine would refuse to write can be made here.

use carrack::block::{Block, Cid};
use carrack::car::Writer;
use carrack::commit::UnsignedCommit;
use carrack::ident::{Did, Rev};
use carrack::key::Signer;
use carrack::parts::tree::{Child, Gap, NodeSource, Tree};
use carrack::tree::Key;
use std::collections::BTreeMap;

/// A tree that is built in memory loads nothing.
pub struct NoSource;

impl NodeSource for NoSource {
    fn load(&mut self, gap: &Gap) -> carrack::Result<Block> {
        panic!("{} is not in memory", gap.cid)
    }
}

/// The tree of these records, built key by key.
pub fn tree(records: &BTreeMap<String, Vec<u8>>) -> Tree {
    let mut tree = Tree::empty();
    for (path, record) in records {
        let cid = Block::dag_cbor(record.clone()).cid().clone();
        tree.insert(&Key::from(path.as_str()), cid, &mut NoSource).unwrap();
    }
    tree.seal();
    tree
}

/// The blocks of a repository in streaming order, the commit first.
pub fn blocks(
    records: &BTreeMap<String, Vec<u8>>,
    did: &Did,
    rev: Rev,
    signer: &dyn Signer,
) -> Vec<Block> {
    let mut tree = tree(records);
    let unsigned = UnsignedCommit { did: did.clone(), data: tree.seal(), rev };
    let mut out = vec![unsigned.sign(signer).unwrap().block().clone()];
    let by_cid = records.values().map(|record| Block::dag_cbor(record.clone()));
    let by_cid = by_cid.map(|block| (block.cid().clone(), block)).collect();
    push_subtree(tree.root(), &by_cid, &mut out);
    out
}

fn push_subtree(child: &Child, records: &BTreeMap<Cid, Block>, out: &mut Vec<Block>) {
    let Child::Held(node) = child else { panic!("not in memory") };
    out.push(node.block.clone().unwrap());
    if let Some(left) = &node.left {
        push_subtree(left, records, out);
    }
    for entry in &node.entries {
        out.push(records[&entry.value].clone());
        if let Some(right) = &entry.right {
            push_subtree(right, records, out);
        }
    }
}

/// A CAR of these blocks; the first is its root.
pub fn car(blocks: &[Block]) -> Vec<u8> {
    let root = blocks[0].cid().clone();
    let mut car = Writer::new(Vec::new(), &[root]).unwrap();
    for block in blocks {
        car.write(block.cid(), block.bytes()).unwrap();
    }
    car.finish().unwrap()
}

/// The CAR of these records.
pub fn repository(
    records: &BTreeMap<String, Vec<u8>>,
    did: &Did,
    rev: Rev,
    signer: &dyn Signer,
) -> Vec<u8> {
    car(&blocks(records, did, rev, signer))
}
