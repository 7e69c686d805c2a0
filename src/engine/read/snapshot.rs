use crate::block::{Block, Cid};
use crate::engine::handle::Engine;
use crate::engine::options::BlockSearch;
use crate::error::{Error, Result};
use crate::ident::{Did, Nsid, RepoPath, Rev};
use crate::limits::SNAPSHOT_SECONDS_MAX;
use crate::store::account::Head;
use crate::store::accounts::account_row;
use crate::store::needed_blobs::needed;
use crate::store::read::listing::{ListItem, Records, Span};
use crate::store::read::record::find;
use crate::store::read_table::ByteTable;
use crate::store::rows::value::StoredBlock;
use crate::store::tables::View;
use crate::tree::Key;
use std::ops::Bound;
use std::time::{Duration, Instant};

/// One account at one moment. Later writes are not visible in it.
///
/// A snapshot pins pages of the file, so it can be used for 30 seconds ([`SNAPSHOT_SECONDS_MAX`])
/// and then fails with `Stale`: take a new one.
pub struct Snapshot {
    pub(in crate::engine) view: View,
    pub(in crate::engine) head: Head,
    did: Did,
    taken: Instant,
    pub(in crate::engine) block_search: BlockSearch,
}

/// Entries of a listing between two checks of the clock.
const ENTRIES_BETWEEN_LOOKS: u32 = 64;

/// A record in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredRecord {
    /// Its path.
    pub path: RepoPath,
    /// The record, rehashed when it was read.
    pub block: Block,
    /// The revision that wrote it.
    pub rev: Rev,
}

/// Options of a listing: range and direction.
///
/// ```
/// use carrack::engine::List;
/// let posts: carrack::ident::Nsid = "app.bsky.feed.post".parse()?;
/// let newest_first = List::default().collection(posts).reverse(true);
/// assert!(newest_first.cursor.is_none());
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct List {
    /// The only collection to list; `None` lists all.
    pub collection: Option<Nsid>,
    /// Start after this path, or before it if `reverse` is set.
    pub cursor: Option<RepoPath>,
    /// List from the last path to the first.
    pub reverse: bool,
}

impl List {
    /// Sets the only collection to list; `None` lists all.
    #[must_use]
    pub fn collection(mut self, collection: impl Into<Option<Nsid>>) -> Self {
        self.collection = collection.into();
        self
    }

    /// Sets the path to start after, or before if `reverse` is set.
    #[must_use]
    pub fn cursor(mut self, cursor: impl Into<Option<RepoPath>>) -> Self {
        self.cursor = cursor.into();
        self
    }

    /// Sets whether to list from the last path to the first.
    #[must_use]
    pub fn reverse(mut self, reverse: bool) -> Self {
        self.reverse = reverse;
        self
    }
}

impl Engine {
    /// Takes a snapshot of the account.
    ///
    /// ```
    /// # use carrack::key::{Curve, SigningKey};
    /// # let engine = carrack::Engine::in_memory()?;
    /// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// # let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &key)?;
    /// let snapshot = engine.snapshot(&did)?;
    /// assert_eq!((snapshot.record_count(), Some(snapshot.rev())), (0, engine.status(&did)?.rev));
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotFound` without the account; `State` if it is deleted; [those of every
    /// read](Engine#errors-of-every-call).
    pub fn snapshot(&self, did: &Did) -> Result<Snapshot> {
        let view = self.view()?;
        let head = account_row(view.accounts()?, did)?.readable_head(did)?.clone();
        Ok(Snapshot {
            view,
            head,
            did: did.clone(),
            taken: Instant::now(),
            block_search: self.shared.options.block_search,
        })
    }
}

impl Snapshot {
    /// The account's DID.
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// The CID of the head commit.
    pub fn commit(&self) -> &Cid {
        &self.head.commit
    }

    /// The CID of the tree's root.
    pub fn data(&self) -> &Cid {
        &self.head.data
    }

    /// The revision of the head.
    pub fn rev(&self) -> Rev {
        self.head.rev
    }

    /// The number of records.
    pub fn record_count(&self) -> u64 {
        self.head.records
    }

    /// The record at `path`; `None` if there is none. For `com.atproto.repo.getRecord`.
    ///
    /// # Errors
    /// `Corrupt` if a stored block does not match its hash; `Stale` if the snapshot is too old or
    /// its engine was reopened; [those of every read](Engine#errors-of-every-call).
    pub fn record(&self, path: &RepoPath) -> Result<Option<StoredRecord>> {
        self.check_age()?;
        let rows = self.view.rows()?;
        let found = find(rows, self.view.nodes(), &self.head, path.as_bytes())?;
        found.map(|stored| as_record(path.clone(), &stored)).transpose()
    }

    /// The records of the account or of one collection, in path order or in reverse. For
    /// `com.atproto.repo.listRecords`.
    ///
    /// ```
    /// use carrack::engine::{List, Op, Record, WriteOptions};
    /// # use carrack::key::{Curve, SigningKey};
    /// # let engine = carrack::Engine::in_memory()?;
    /// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// # let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &key)?;
    /// let op = Op::create("com.example.note/1".parse()?, Record::from_dag_cbor(vec![0xa0])?);
    /// engine.write(&did, vec![op], &WriteOptions::default(), &key)?;
    /// let newest_first = List::default().collection("com.example.note".parse::<carrack::ident::Nsid>()?);
    /// for record in engine.snapshot(&did)?.list(&newest_first.reverse(true))? {
    ///     assert_eq!(record?.path.as_str(), "com.example.note/1");
    /// }
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Snapshot::record`], here and from each item.
    pub fn list(&self, list: &List) -> Result<impl Iterator<Item = Result<StoredRecord>> + '_> {
        let entries = self.listed::<StoredBlock>(list)?;
        Ok(entries.zip(0u32..).map(|(entry, number)| {
            let (path, stored) = entry?;
            self.check_age_at(number)?;
            as_record(parse_path(&path)?, &stored)
        }))
    }

    /// The same entries as paths and CIDs, without reading the records.
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

    /// The collections that have records, in order. For `com.atproto.repo.describeRepo`.
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
            // '0' follows '/': the first path after the collection.
            from = Bound::Included(Key::from(format!("{collection}0").as_str()));
            found.push(collection.parse()?);
        }
    }

    /// The blobs that the account's records refer to, each once, in the order of their CIDs. For
    /// `com.atproto.sync.listBlobs`.
    ///
    /// # Errors
    /// As [`Snapshot::record`].
    pub fn blobs_needed(&self) -> Result<Vec<Cid>> {
        self.check_age()?;
        needed(&self.view, self.head.tree)
    }

    fn listed<'s, L: ListItem + 's>(
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
            // A cursor outside the collection does not widen the range.
            match (list.reverse, &from, &to) {
                (true, _, Bound::Excluded(end)) if cursor >= *end => {}
                (false, Bound::Included(start), _) if cursor < *start => {}
                (true, ..) => to = Bound::Excluded(cursor),
                (false, ..) => from = Bound::Excluded(cursor),
            }
        }
        self.records(Span { from, to }, list.reverse)
    }

    fn records<L: ListItem>(&self, span: Span, reverse: bool) -> Result<Records<'_, ByteTable, L>> {
        Ok(Records::new(self.view.rows()?, self.view.nodes(), &self.head, span, reverse))
    }

    /// The same for an entry of a listing. Reading the clock for each entry would cost as much as
    /// the entry.
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

fn as_record(path: RepoPath, stored: &StoredBlock) -> Result<StoredRecord> {
    Ok(StoredRecord { path, block: stored.block()?, rev: stored.stamp })
}

fn parse_path(key: &Key) -> Result<RepoPath> {
    RepoPath::from_bytes(key.as_bytes())
        .map_err(|error| Error::Corrupt(format!("a row's key is not a path: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{List, Op, Record, WriteOptions};
    use crate::key::{Curve, SigningKey};
    use std::collections::BTreeMap;

    fn note(text: &str) -> Record {
        let mut record = b"\xa2\x64text\x61".to_vec();
        record.extend_from_slice(text.as_bytes());
        record.extend_from_slice(b"\x65$type\x66a.note");
        Record::from_dag_cbor(record).unwrap()
    }

    fn path(number: u32) -> RepoPath {
        format!("a.note.note/{number:04}").parse().unwrap()
    }

    fn write(engine: &Engine, did: &Did, ops: Vec<Op>) {
        let key = SigningKey::from_bytes(Curve::K256, &[7; 32]).unwrap();
        engine.write(did, ops, &WriteOptions::default(), &key).unwrap();
    }

    fn filled() -> (Engine, Did) {
        let engine = Engine::in_memory().unwrap();
        let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap();
        engine
            .create_account(&did, &SigningKey::from_bytes(Curve::K256, &[7; 32]).unwrap())
            .unwrap();
        write(&engine, &did, (0..100).map(|number| Op::create(path(number), note("a"))).collect());
        (engine, did)
    }

    /// Simulates a damaged pointer to an older page: the head is new, and the rows are those of the
    /// previous revision, which were right and were read before.
    #[test]
    fn rows_that_were_right_under_an_older_root_are_no_answer() {
        let (engine, did) = filled();
        let old = engine.snapshot(&did).unwrap();
        for number in 0..100 {
            assert!(old.record(&path(number)).unwrap().is_some());
        }
        write(&engine, &did, (0..100).map(|number| Op::update(path(number), note("b"))).collect());
        let new = engine.snapshot(&did).unwrap();
        let (rows, nodes) = (old.view.rows().unwrap(), old.view.nodes());
        for number in 0..100 {
            let found = find(rows, nodes, &new.head, path(number).as_bytes());
            let error = found.map(|found| found.map(|stored| stored.section.cid)).unwrap_err();
            assert!(matches!(error, Error::Corrupt(_)), "{number}: {error}");
        }
    }

    /// The first read of a record follows the nodes, the second need not. Both give the same
    /// result, revisions included, after a write too.
    #[test]
    fn a_read_says_the_same_when_it_is_repeated() {
        let (engine, did) = filled();
        for round in 0..3 {
            let snapshot = engine.snapshot(&did).unwrap();
            let listed: BTreeMap<_, _> = snapshot
                .list(&List::default())
                .unwrap()
                .map(|record| record.map(|r| (r.path, (r.block.cid().clone(), r.rev))).unwrap())
                .collect();
            for number in (0..110).chain(0..110) {
                let found = snapshot.record(&path(number)).unwrap();
                let found = found.map(|record| (record.block.cid().clone(), record.rev));
                assert_eq!(found.as_ref(), listed.get(&path(number)), "{round}: {number}");
            }
            write(&engine, &did, vec![Op::update(path(round * 7), note("c"))]);
            write(&engine, &did, vec![Op::delete(path(50 + round))]);
        }
    }
}
