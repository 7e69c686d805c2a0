//! Merges a diff with a stored tree: the diff's nodes on top, stored subtrees attached below them.
//!
//! `manual::diffs` explains why one walk over the part of the stored tree that the new one lacks
//! finds every subtree that moved.

use crate::block::{Block, Cid};
use crate::engine::diff::blocks::check_limit;
use crate::error::{Error, Result};
use crate::limits::DIFF_BYTES_MAX;
use crate::problem::{Code, Problem};
use crate::store::account::Head;
use crate::store::read_table::ReadBytes;
use crate::store::rows::parts::node;
use crate::store::write::working_set::WorkingSet;
use crate::tree::{Child, Gap, Key, NodeSource, Tree};
use std::collections::{BTreeMap, HashMap};

/// A new tree whose unchanged subtrees are gaps at their stored places, and the entries by which it
/// differs.
pub(in crate::engine) struct MergedTree {
    pub(in crate::engine) tree: Tree,
    /// Entries of the diff's nodes.
    pub(in crate::engine) new: TreeEntries,
    /// Entries of stored nodes that are not in an unchanged subtree.
    pub(in crate::engine) old: TreeEntries,
    /// The number of nodes from the diff.
    pub(in crate::engine) nodes: u64,
}

pub(in crate::engine) type TreeEntries = BTreeMap<Key, Cid>;

/// Builds the tree with root `data` from the nodes in `blocks` and the stored tree. `working_set`
/// receives every row of a stored node that is not in the new tree or may have to be split
/// differently.
pub(in crate::engine) fn merge_tree<T>(
    data: &Cid,
    blocks: &mut HashMap<Cid, Block>,
    rows: &T,
    head: &Head,
    working_set: &mut WorkingSet<'_, T>,
) -> Result<MergedTree>
where
    T: ReadBytes,
{
    let mut tree = Tree::at(data.clone(), None);
    let mut top =
        DiffTop { blocks, wanted: HashMap::new(), entries: CountedEntries::default(), nodes: 0 };
    top.open(tree.root_mut())?;
    let DiffTop { wanted, entries: new, nodes, .. } = top;
    let root = Child::Gap(Gap {
        cid: head.data.clone(),
        left: Key::edge(),
        end: None,
        height: Some(head.height),
    });
    let mut rest = HeldRest {
        working_set,
        wanted: &wanted,
        found: HashMap::new(),
        entries: CountedEntries::default(),
    };
    rest.search(root)?;
    let HeldRest { found, entries: old, .. } = rest;
    attach(tree.root_mut(), &found, &mut |new, old| check_place(rows, head.tree, new, old))?;
    Ok(MergedTree { tree, new: new.entries, old: old.entries, nodes })
}

/// Entries, and a bound on the memory of their keys: nodes hold them in a shorter form.
#[derive(Default)]
struct CountedEntries {
    entries: TreeEntries,
    bytes: u64,
}

impl CountedEntries {
    fn push(&mut self, key: Key, value: Cid) -> Result<()> {
        self.bytes += key.as_bytes().len() as u64;
        check_limit("bytes of keys that differ", DIFF_BYTES_MAX, self.bytes)?;
        self.entries.insert(key, value);
        Ok(())
    }
}

/// The upper part of the new tree, down to the last nodes of the diff.
struct DiffTop<'d> {
    blocks: &'d mut HashMap<Cid, Block>,
    /// Nodes that must be stored already, and their places in the new tree.
    wanted: HashMap<Cid, Gap>,
    entries: CountedEntries,
    nodes: u64,
}

impl DiffTop<'_> {
    /// Loads the diff's part of a subtree and checks each node in its place. Recursion descends one
    /// layer per call, here and below.
    fn open(&mut self, child: &mut Child) -> Result<()> {
        let Child::Gap(gap) = child else { return Ok(()) };
        if !self.blocks.contains_key(&gap.cid) {
            return self.want(gap.clone());
        }
        let node = child.hold(self.blocks)?;
        // It was not loaded from rows, so no row can be kept for it.
        node.origin = None;
        self.nodes += 1;
        if let Some(child) = &mut node.left {
            self.open(child)?;
        }
        for entry in &mut node.entries {
            self.entries.push(entry.key.clone(), entry.value.clone())?;
            if let Some(child) = &mut entry.right {
                self.open(child)?;
            }
        }
        Ok(())
    }

    fn want(&mut self, gap: Gap) -> Result<()> {
        let (cid, left) = (gap.cid.clone(), gap.left.clone());
        if self.wanted.insert(cid.clone(), gap).is_some() {
            let problem = Problem::new(Code::KeyRange, "one node hangs in two places");
            return Err(problem.cid(&cid).path(left).into());
        }
        Ok(())
    }
}

/// The stored tree without the subtrees that the new one takes over.
struct HeldRest<'r, 'a, 'w, T> {
    working_set: &'r mut WorkingSet<'a, T>,
    wanted: &'w HashMap<Cid, Gap>,
    /// Wanted nodes, at their stored places.
    found: HashMap<Cid, Gap>,
    entries: CountedEntries,
}

impl<T: ReadBytes> HeldRest<'_, '_, '_, T> {
    fn search(&mut self, mut child: Child) -> Result<()> {
        if let Child::Gap(gap) = &child
            && self.wanted.contains_key(&gap.cid)
        {
            self.found.insert(gap.cid.clone(), gap.clone());
            return Ok(());
        }
        let node = child.hold(self.working_set)?;
        check_limit(
            "bytes of rows that differ",
            DIFF_BYTES_MAX,
            self.working_set.loaded_bytes() as u64,
        )?;
        let (left, entries) = (node.left.take(), std::mem::take(&mut node.entries));
        if let Some(child) = left {
            self.search(child)?;
        }
        for entry in entries {
            self.entries.push(entry.key, entry.value)?;
            if let Some(child) = entry.right {
                self.search(child)?;
            }
        }
        Ok(())
    }
}

/// Attaches stored subtrees to the gaps of the new tree, which receive their stored places.
fn attach(
    child: &mut Child,
    found: &HashMap<Cid, Gap>,
    check: &mut dyn FnMut(&Gap, &Gap) -> Result<()>,
) -> Result<()> {
    match child {
        Child::Gap(gap) => {
            let held = found.get(&gap.cid).ok_or_else(|| {
                let message = "a tree node is neither in the diff nor held";
                Problem::new(Code::MissingNode, message).cid(&gap.cid).path(&gap.left)
            })?;
            check(gap, held)?;
            *gap = held.clone();
        }
        Child::Held(node) => {
            if let Some(child) = &mut node.left {
                attach(child, found, check)?;
            }
            for child in node.entries.iter_mut().filter_map(|entry| entry.right.as_mut()) {
                attach(child, found, check)?;
            }
        }
    }
    Ok(())
}

/// Checks a stored subtree against its new place. Its inside is valid already; its root is checked,
/// and its edges where the new place is narrower than the old one.
fn check_place<T>(rows: &T, tree: u64, new: &Gap, held: &Gap) -> Result<()>
where
    T: ReadBytes,
{
    if new.height.is_some() && new.height != held.height {
        let message = format!("a node of height {:?} hangs at {:?}", held.height, new.height);
        return Err(Problem::new(Code::WrongLayer, message).cid(&new.cid).path(&new.left).into());
    }
    let narrower_right = match (&held.end, &new.end) {
        (Some(held), Some(new)) => held > new,
        (None, Some(_)) => true,
        (_, None) => false,
    };
    let mut source = HeldPlace { rows, tree, new, held };
    let (left, right) = (held.left < new.left, narrower_right);
    check_edges(Child::Gap(new.clone()), &mut source, left, right)
}

/// Loading a node checks it against its place.
fn check_edges(
    mut child: Child,
    source: &mut dyn NodeSource,
    left: bool,
    right: bool,
) -> Result<()> {
    let node = child.hold(source)?;
    let Some(last) = node.entries.last_mut() else {
        return match node.left.take() {
            Some(child) if left || right => check_edges(child, source, left, right),
            _ => Ok(()),
        };
    };
    let (first, last) = (node.left.take(), last.right.take());
    if let Some(child) = first.filter(|_| left) {
        check_edges(child, source, true, false)?;
    }
    match last.filter(|_| right) {
        Some(child) => check_edges(child, source, false, true),
        None => Ok(()),
    }
}

/// Loads the nodes of a subtree in its new place from the stored rows.
struct HeldPlace<'a, T> {
    rows: &'a T,
    tree: u64,
    new: &'a Gap,
    held: &'a Gap,
}

impl<T: ReadBytes> NodeSource for HeldPlace<'_, T> {
    fn load(&mut self, gap: &Gap) -> Result<Block> {
        // Only its left edge differs, and a root in its new place has no height yet.
        let left = if gap.left == self.new.left { &self.held.left } else { &gap.left };
        let height = gap.height.or(self.held.height).unwrap_or(0);
        let found = node(self.rows, self.tree, left, height)?;
        match found {
            Some(stored) if stored.section.cid == gap.cid => stored.block(),
            _ => Err(Error::Corrupt(format!("node {} is not in its row", gap.cid))),
        }
    }
}
