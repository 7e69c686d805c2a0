use crate::block::Cid;
use crate::car::Writer;
use crate::engine::export::link_check::LinkChecker;
use crate::engine::export::pipe::{ExportCheck, PipeWriter, pipe};
use crate::engine::handle::Engine;
use crate::error::{Error, Result};
use crate::ident::{Did, Rev};
use crate::store::account::Head;
use crate::store::accounts::account_row;
use crate::store::read_table::{ByteEntries, ReadTable};
use crate::store::rows::key::{RowPlace, parse_key, tree_range};
use crate::store::rows::value::RawRow;
use crate::store::tables::View;
use std::io::Write;

/// The part of a repository that an export contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Extent {
    /// The whole repository.
    Full,
    /// The blocks that a copy of this revision lacks.
    Since(Rev),
}

/// The result of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Exported {
    /// The CID of the head commit.
    pub commit: Cid,
    /// The revision of the head.
    pub rev: Rev,
    /// The number of blocks; a record at two paths counts twice.
    pub blocks: u64,
    /// The length of the CAR in bytes.
    pub bytes: u64,
    /// Whether the CAR is the whole repository or a diff.
    pub extent: Extent,
}

impl Engine {
    /// Writes an account's repository as a CAR in streaming order (preorder), from one snapshot.
    /// For `com.atproto.sync.getRepo`. Every block is rehashed before it is written.
    ///
    /// A slow `output` does not hold the snapshot: after some seconds the rest is read into a
    /// temporary file.
    ///
    /// ```
    /// # use carrack::key::{Curve, SigningKey};
    /// # let engine = carrack::Engine::in_memory()?;
    /// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// # let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &key)?;
    /// let mut car = Vec::new();
    /// let exported = engine.export(&did, &mut car)?;
    /// assert_eq!(exported.bytes, car.len() as u64);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotFound` without the account; `State` if it is deleted; `Corrupt` if a stored block does
    /// not match its hash; `Io` if `output` fails; [those of every
    /// read](Engine#errors-of-every-call). The CAR is incomplete then.
    pub fn export(&self, did: &Did, output: impl Write) -> Result<Exported> {
        let view = self.view()?;
        let head = account_row(view.accounts()?, did)?.readable_head(did)?.clone();
        export_tree(view, &head, output)
    }
}

/// Writes a tree as a CAR.
pub(in crate::engine) fn export_tree(
    view: View,
    head: &Head,
    output: impl Write,
) -> Result<Exported> {
    let (tree, held) = (head.tree, head.blocks);
    let check = ExportCheck::Links(LinkChecker::new(head));
    write_car(head, Extent::Full, check, output, move |writer| {
        let blocks = read_tree(&view, tree, writer)?;
        if blocks == held {
            return Ok(blocks);
        }
        Err(Error::Corrupt(format!("an export of {blocks} blocks, where {held} are held")))
    })
}

/// Writes the CAR of the sections that `read` returns. One thread reads; this one checks and
/// writes.
pub(in crate::engine) fn write_car(
    head: &Head,
    extent: Extent,
    check: ExportCheck,
    output: impl Write,
    read: impl FnOnce(PipeWriter) -> Result<u64> + Send + 'static,
) -> Result<Exported> {
    let mut car = Writer::new(output, std::slice::from_ref(&head.commit))?;
    let (writer, reader) = pipe(check);
    let thread = std::thread::spawn(move || read(writer));
    let written = reader.write_to(&mut car);
    let read = thread
        .join()
        .unwrap_or_else(|_| Err(Error::Corrupt("reading an export's rows panicked".to_owned())));
    // If both failed, the output failed first. A read that was stopped does not mean that blocks
    // are missing.
    let check = written?;
    let blocks = read?;
    check.end()?;
    let bytes = car.bytes_written();
    car.finish()?;
    Ok(Exported { commit: head.commit.clone(), rev: head.rev, blocks, bytes, extent })
}

/// Reads all rows of a tree and returns the number of blocks.
fn read_tree(view: &View, tree: u64, mut writer: PipeWriter) -> Result<u64> {
    let (start, end) = tree_range(tree);
    let mut rows = view.rows()?.range(&start[..]..&end[..])?;
    let mut blocks = 0;
    while let Some(found) = rows.next() {
        let (key, value) = found?;
        let row = RawRow::decode(value.value())?;
        blocks += row.count as u64;
        writer.add(row.sections);
        let missing = row.first_length()?.saturating_sub(row.sections.len());
        if row.count == 1 && missing > 0 {
            continued(&mut rows, &mut writer, missing, key.value())?;
        }
        if !writer.pass_on_if_full()? {
            return Ok(blocks);
        }
    }
    writer.finish()?;
    Ok(blocks)
}

/// Adds the rows that continue a long section.
fn continued(
    rows: &mut ByteEntries<'_>,
    writer: &mut PipeWriter,
    mut missing: usize,
    key: &[u8],
) -> Result<()> {
    let broken = || Error::Corrupt(format!("a long record lacks a part: row {key:02x?}"));
    while missing > 0 {
        let (key, value) = rows.next().ok_or_else(broken)??;
        match parse_key(key.value())?.1 {
            RowPlace::Record { part, .. } if part > 0 => writer.add(value.value()),
            _ => return Err(broken()),
        }
        missing = missing.checked_sub(value.value().len()).ok_or_else(broken)?;
    }
    Ok(())
}
