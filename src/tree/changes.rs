//! The records that differ between two trees, read lazily from any two sources.

use crate::block::Cid;
use crate::error::Result;
use crate::tree::diff::Change;
use crate::tree::reader::TreeReader;
use crate::tree::step::{DiffSide, DiffStep, Facing, next_step};
use crate::tree::walk::{RecordWant, Walk, Want};

/// The records that differ between two trees, in the order of their paths. After an error there are
/// no more: what came before is not the whole difference.
pub struct Changes<'a> {
    old: ChangesSide<'a>,
    new: ChangesSide<'a>,
    has_failed: bool,
}

/// Compares two trees without reading the subtrees that both have, except on the way down beside a
/// record that only one has. Equal trees are compared without reading a node. One path of each tree
/// is in memory.
///
/// Every node that is read is checked: its hash, its form, its layer and its range of keys. A node
/// that is missing, or is invalid, is an error, and never taken for an absence. Paths are not
/// checked for the syntax of a repository path.
///
/// ```
/// use carrack::engine::{Engine, Op, Record, WriteOptions};
/// use carrack::key::{Curve, SigningKey};
/// use carrack::tree::changes;
/// use carrack::verify::{Archive, Input};
///
/// let engine = Engine::in_memory()?;
/// let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
/// let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
/// engine.create_account(&did, &key)?;
/// let mut backup = Vec::new();
/// engine.export(&did, &mut backup)?;
/// let note = Record::from_json(&serde_json::json!({"text": "ahoy"}))?;
/// let op = Op::create("com.example.note/1".parse()?, note);
/// engine.write(&did, vec![op], &WriteOptions::default(), &key)?;
///
/// // What has changed since the backup.
/// let (old, new) = (Archive::open(&Input::from(backup))?, engine.snapshot(&did)?);
/// for change in changes(&old, &new) {
///     let change = change?;
///     assert_eq!(change.key.to_string(), "com.example.note/1");
///     assert!(change.old.is_none() && change.new.is_some());
/// }
/// # Ok::<(), carrack::Error>(())
/// ```
///
/// # Errors
/// Each item can be an error: that of a source, or the problem of a node.
pub fn changes<'a>(old: &'a dyn TreeReader, new: &'a dyn TreeReader) -> Changes<'a> {
    Changes { old: ChangesSide::new(old), new: ChangesSide::new(new), has_failed: false }
}

impl Changes<'_> {
    fn advance(&mut self) -> Result<Option<Change>> {
        loop {
            match next_step(self.old.facing(), self.new.facing()) {
                DiffStep::Done => return Ok(None),
                DiffStep::SkipBoth => {
                    self.old.pass();
                    self.new.pass();
                }
                DiffStep::Open(DiffSide::Old) => self.old.open()?,
                DiffStep::Open(DiffSide::New) => self.new.open()?,
                DiffStep::Take { old, new } => {
                    let was = if old { self.old.take() } else { None };
                    let is = if new { self.new.take() } else { None };
                    if let Some(change) = change(was, is) {
                        return Ok(Some(change));
                    }
                }
            }
        }
    }
}

impl Iterator for Changes<'_> {
    type Item = Result<Change>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let found = self.advance();
        self.has_failed = found.is_err();
        found.transpose()
    }
}

/// `None` if the record is the same.
fn change(old: Option<RecordWant>, new: Option<RecordWant>) -> Option<Change> {
    let cid = |record: &Option<RecordWant>| record.as_ref().map(|record| record.cid.clone());
    let (was, is): (Option<Cid>, Option<Cid>) = (cid(&old), cid(&new));
    let key = old.or(new)?.key;
    if was == is { None } else { Some(Change { key, old: was, new: is }) }
}

/// One of the trees, and what comes next in it.
struct ChangesSide<'a> {
    tree: &'a dyn TreeReader,
    walk: Walk,
    at: Want,
}

impl<'a> ChangesSide<'a> {
    fn new(tree: &'a dyn TreeReader) -> Self {
        let mut walk = Walk::new(tree.root().clone());
        let at = walk.next();
        Self { tree, walk, at }
    }

    fn facing(&self) -> Option<Facing<'_>> {
        match &self.at {
            Want::Node(want) => Some(Facing::Subtree { cid: Some(&want.cid), height: want.height }),
            Want::Record(want) => Some(Facing::Record(&want.key)),
            Want::Leave { .. } | Want::End => None,
        }
    }

    /// Goes on to what follows; a subtree that was not entered is skipped.
    fn pass(&mut self) {
        loop {
            self.at = self.walk.next();
            if !matches!(self.at, Want::Leave { .. }) {
                return;
            }
        }
    }

    /// Enters the subtree that comes next.
    fn open(&mut self) -> Result<()> {
        if let Want::Node(want) = &self.at {
            let block = self.tree.node(want)?;
            if let Some(problem) = self.walk.enter(&block).into_iter().next() {
                return Err(problem.into());
            }
            self.pass();
        }
        Ok(())
    }

    fn take(&mut self) -> Option<RecordWant> {
        let taken = match &self.at {
            Want::Record(want) => Some(want.clone()),
            _ => None,
        };
        self.pass();
        taken
    }
}
