use crate::block::Block;
use crate::car::section_of;
use crate::engine::export::export::{Exported, Extent, export_tree, write_car};
use crate::engine::export::pipe::{ExportCheck, PipeWriter};
use crate::engine::handle::Engine;
use crate::error::{Error, Result};
use crate::ident::{Did, Rev};
use crate::store::account::Head;
use crate::store::accounts::account_row;
use crate::store::read::record::commit_of;
use crate::store::read::tree_cursor::TreeCursor;
use crate::store::revs::rev_key;
use crate::store::sealed::REVS;
use crate::store::tables::View;
use crate::tree::{Walk, Want};
use std::io::Write;

impl Engine {
    /// Writes what a copy of revision `since` lacks, as a CAR in streaming order from one snapshot:
    /// the commit, and every node and record that is newer. If nothing has changed, that is the
    /// commit alone. For `com.atproto.sync.getRepo` with `since`.
    ///
    /// A revision that this engine never held in the account's present history, or no longer
    /// remembers ([`crate::limits::REVS_HELD_MAX`]), gets a full export; [`Exported::extent`] says
    /// which it is. [`crate::manual::diffs`] explains why a diff is exact.
    ///
    /// ```
    /// use carrack::engine::{Engine, Extent, Op, Record, WriteOptions};
    /// use carrack::env::SystemRandom;
    /// use carrack::ident::Did;
    /// use carrack::key::{Curve, SigningKey};
    ///
    /// # let folder = tempfile::tempdir().map_err(|error| carrack::Error::Request(error.to_string()))?;
    /// let engine = Engine::open(folder.path().join("store.redb"))?;
    /// let key = SigningKey::generate(Curve::K256, &SystemRandom)?;
    /// let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// let first = engine.create_account(&did, &key)?;
    /// let op = Op::create("com.example.post/1".parse()?, Record::from_dag_cbor(vec![0xa0])?);
    /// engine.write(&did, vec![op], &WriteOptions::default(), &key)?;
    ///
    /// let exported = engine.export_since(&did, first, &mut std::io::sink())?;
    /// assert_eq!(exported.extent, Extent::Since(first));
    /// // The commit, the root, the record.
    /// assert_eq!(exported.blocks, 3);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Engine::export`].
    pub fn export_since(&self, did: &Did, since: Rev, output: impl Write) -> Result<Exported> {
        let view = self.view()?;
        let head = account_row(view.accounts()?, did)?.readable_head(did)?.clone();
        if REVS.get(view.revs()?, &&rev_key(did, since)[..])?.is_none() {
            return export_tree(view, &head, output);
        }
        let of = head.clone();
        write_car(&head, Extent::Since(since), ExportCheck::Done, output, move |writer| {
            read_changed(&view, &of, since, writer)
        })
    }
}

/// Reads the commit and the blocks newer than `since`, and returns the number of blocks.
fn read_changed(view: &View, head: &Head, since: Rev, mut writer: PipeWriter) -> Result<u64> {
    let mut changed = TreeCursor::new(view.rows()?, head.tree).since(since);
    let mut blocks = 1;
    let commit = commit_of(view.rows()?, head)?.block()?;
    if !writer.push(&section_of(&commit))? {
        return Ok(blocks);
    }
    let mut walk = Walk::new(head.data.clone());
    loop {
        let found = match walk.next() {
            Want::Node(want) => {
                let height = want.height.unwrap_or(head.height);
                let found = changed.newer_node(&want.left, height, &want.cid)?;
                if let Some(node) = &found {
                    enter(&mut walk, node)?;
                }
                found
            }
            Want::Record(want) => changed.newer_record(&want.key, &want.cid)?,
            Want::Leave { .. } => None,
            Want::End => break,
        };
        let Some(found) = found else { continue };
        blocks += 1;
        if !writer.push(&section_of(&found))? {
            return Ok(blocks);
        }
    }
    writer.finish()?;
    Ok(blocks)
}

fn enter(walk: &mut Walk, node: &Block) -> Result<()> {
    match walk.enter(node).into_iter().next() {
        None => Ok(()),
        Some(problem) => Err(Error::Corrupt(problem.to_string())),
    }
}
