use crate::block::{Block, Cid};
use crate::engine::blobs::needed;
use crate::engine::handle::{Engine, account_row};
use crate::engine::read::blocks::BlockSearch;
use crate::error::{Error, Result};
use crate::ident::{Did, Nsid, RepoPath, Rev};
use crate::limits::SNAPSHOT_SECONDS_MAX;
use crate::store::account::Head;
use crate::store::read::listing::{Listed, Records, Span};
use crate::store::read::record::find;
use crate::store::read_table::ByteTable;
use crate::store::rows::row::StoredBlock;
use crate::store::tables::View;
use crate::tree::Key;
use std::ops::Bound;
use std::time::{Duration, Instant};

/// One account at one moment. Later writes do not show.
///
/// A snapshot that is held pins pages of the file, so it answers for 30 seconds and then asks to
/// be taken anew.
pub struct Snapshot {
    pub(in crate::engine) view: View,
    pub(in crate::engine) head: Head,
    did: Did,
    taken: Instant,
    pub(in crate::engine) block_search: BlockSearch,
}

/// Entries of a listing between two looks at the clock.
const ENTRIES_BETWEEN_LOOKS: u32 = 64;

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it is.
    pub path: RepoPath,
    /// The record: its bytes were hashed on their way out.
    pub block: Block,
    /// The revision that wrote it.
    pub rev: Rev,
}

/// What to list, and how.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// Only this collection.
    pub collection: Option<Nsid>,
    /// Begin behind this path (before it, if backwards).
    pub cursor: Option<RepoPath>,
    /// From the last path to the first.
    pub reverse: bool,
}

impl Engine {
    /// The account as it is now.
    ///
    /// # Errors
    /// `NotFound`, or `State` if nothing of it may be read.
    pub fn snapshot(&self, did: &Did) -> Result<Snapshot> {
        let view = self.view()?;
        let head = account_row(view.accounts()?, did)?.readable_head(did.as_str())?.clone();
        Ok(Snapshot {
            view,
            head,
            did: did.clone(),
            taken: Instant::now(),
            block_search: self.options.block_search,
        })
    }
}

impl Snapshot {
    /// The account.
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// The head.
    pub fn commit(&self) -> &Cid {
        &self.head.commit
    }

    /// The root of the tree.
    pub fn data(&self) -> &Cid {
        &self.head.data
    }

    /// The revision.
    pub fn rev(&self) -> Rev {
        self.head.rev
    }

    /// How many records there are.
    pub fn record_count(&self) -> u64 {
        self.head.records
    }

    /// The record at `path`, or `None` if there is none.
    ///
    /// # Errors
    /// `Corrupt` if what is stored does not hash right, `Stale` if the snapshot is too old.
    pub fn record(&self, path: &RepoPath) -> Result<Option<Record>> {
        self.check_age()?;
        let rows = self.view.rows()?;
        let found = find(rows, self.view.nodes(), &self.head, path.as_bytes())?;
        found.map(|stored| as_record(path.clone(), &stored)).transpose()
    }

    /// The records of the account, or of a collection, in path order or against it.
    ///
    /// # Errors
    /// As [`Snapshot::record`], here and from each item.
    pub fn list(&self, list: &List) -> Result<impl Iterator<Item = Result<Record>> + '_> {
        let entries = self.listed::<StoredBlock>(list)?;
        Ok(entries.zip(0u32..).map(|(entry, number)| {
            let (path, stored) = entry?;
            self.check_age_at(number)?;
            as_record(parse_path(&path)?, &stored)
        }))
    }

    /// The same as paths and CIDs, without looking at the records.
    ///
    /// # Errors
    /// As [`Snapshot::record`], here and from each item.
    pub fn entries(&self, list: &List) -> Result<impl Iterator<Item = Result<(Key, Cid)>> + '_> {
        let entries = self.listed::<Cid>(list)?;
        Ok(entries.zip(0u32..).map(|(entry, number)| {
            self.check_age_at(number)?;
            entry
        }))
    }

    /// The collections that have a record, in order.
    ///
    /// # Errors
    /// As [`Snapshot::record`].
    pub fn collections(&self) -> Result<Vec<Nsid>> {
        let mut found = Vec::new();
        let mut from = Bound::Unbounded;
        loop {
            self.check_age()?;
            let span = Span { from, to: Bound::Unbounded };
            let mut records = self.records::<Cid>(span, false)?;
            let Some(first) = records.next() else { return Ok(found) };
            let (path, _) = first?;
            let collection = parse_path(&path)?.collection().to_owned();
            // '0' follows '/': the first path behind the collection.
            from = Bound::Included(Key::from(format!("{collection}0").as_str()));
            found.push(collection.parse()?);
        }
    }

    /// The blobs that the account's records need, each once, in the order of their CIDs.
    ///
    /// # Errors
    /// As [`Snapshot::record`].
    pub fn blobs_needed(&self) -> Result<Vec<Cid>> {
        self.check_age()?;
        needed(&self.view, self.head.tree)
    }

    fn listed<'s, L: Listed + 's>(
        &'s self,
        list: &List,
    ) -> Result<impl Iterator<Item = Result<(Key, L)>> + use<'s, L>> {
        self.check_age()?;
        let (mut from, mut to) = match &list.collection {
            None => (Bound::Unbounded, Bound::Unbounded),
            Some(collection) => (
                Bound::Included(Key::from(format!("{collection}/").as_str())),
                Bound::Excluded(Key::from(format!("{collection}0").as_str())),
            ),
        };
        if let Some(cursor) = &list.cursor {
            let cursor = Key::from(cursor.as_bytes());
            // A cursor outside the collection does not widen the list.
            match (list.reverse, &from, &to) {
                (true, _, Bound::Excluded(end)) if cursor >= *end => {}
                (false, Bound::Included(start), _) if cursor < *start => {}
                (true, ..) => to = Bound::Excluded(cursor),
                (false, ..) => from = Bound::Excluded(cursor),
            }
        }
        self.records(Span { from, to }, list.reverse)
    }

    fn records<L: Listed>(&self, span: Span, reverse: bool) -> Result<Records<'_, ByteTable, L>> {
        Ok(Records::new(self.view.rows()?, self.view.nodes(), &self.head, span, reverse))
    }

    /// The same at an entry of a listing: asking the clock each time would cost as much as the
    /// entry.
    fn check_age_at(&self, number: u32) -> Result<()> {
        if number.is_multiple_of(ENTRIES_BETWEEN_LOOKS) { self.check_age() } else { Ok(()) }
    }

    pub(in crate::engine) fn check_age(&self) -> Result<()> {
        self.view.check()?;
        if self.taken.elapsed() <= Duration::from_secs(SNAPSHOT_SECONDS_MAX) {
            return Ok(());
        }
        Err(Error::Stale(format!(
            "the snapshot of {} is older than {SNAPSHOT_SECONDS_MAX} s",
            self.did
        )))
    }
}

fn as_record(path: RepoPath, stored: &StoredBlock) -> Result<Record> {
    Ok(Record { path, block: stored.block()?, rev: stored.stamp })
}

fn parse_path(key: &Key) -> Result<RepoPath> {
    RepoPath::from_bytes(key.as_bytes())
        .map_err(|error| Error::Corrupt(format!("a row's key is not a path: {error}")))
}
