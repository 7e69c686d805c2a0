//! Checks a partial CAR as a proof of a whole collection.

use crate::block::Cid;
use crate::env::Clock;
use crate::error::Result;
use crate::ident::Nsid;
use crate::problem::Code;
use crate::tree::{KeyRange, Walk, Want};
use crate::verify::block_source::BlockSource;
use crate::verify::expected_head::ExpectedHead;
use crate::verify::file_source::FileSource;
use crate::verify::input::Input;
use crate::verify::listing::ListingDigest;
use crate::verify::report::Report;
use crate::verify::repository::{Sink, Verification, report_of};

/// The result of [`verify_collection`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectionReport {
    /// The head, the sections and every problem. Fields that need the whole tree are `None`.
    pub report: Report,
    /// The collection to be proved.
    pub collection: Nsid,
    /// Whether every record of the collection is in the CAR. `Some(false)`: the list of records is
    /// proved, but the block of one is missing or does not match its hash. `None`: the list is not
    /// proved, because the head, or a node that may hold records of the collection, is missing or
    /// invalid.
    pub complete: Option<bool>,
    /// The number of records in the collection; `None` if `complete` is `None`.
    pub records: Option<u64>,
    /// SHA-256 over the lines `path SPACE cid NEWLINE` of the collection, as 64 lower-case
    /// hexadecimal digits; `None` if `complete` is `None`.
    pub listing_sha256: Option<String>,
}

impl CollectionReport {
    /// Whether there is no problem. The collection is then complete.
    pub fn is_valid(&self) -> bool {
        self.report.is_valid() && self.complete == Some(true)
    }
}

/// Checks a partial CAR as a proof that the records of `collection` in it are all that exist, or
/// that there are none. The CAR needs the head, every node that may hold a key of the collection,
/// and the collection's records, as
/// [`Snapshot::prove_collection`](crate::engine::Snapshot::prove_collection) writes them. `sink`
/// receives the visited nodes and the collection's entries and records.
///
/// Subtrees that cannot hold keys of the collection are not needed and not visited; a missing
/// subtree that can is the problem `NotProven`. Memory is bounded as in
/// [`verify`](crate::verify::verify). A head with a problem proves nothing.
///
/// ```
/// use carrack::engine::{Engine, Op, Record, WriteOptions};
/// use carrack::env::{SystemClock, SystemRandom};
/// use carrack::ident::Did;
/// use carrack::key::{Curve, Signer, SigningKey};
/// use carrack::verify::{ExpectedHead, Input, Discard, verify_collection};
///
/// # let folder = tempfile::tempdir().map_err(|error| carrack::Error::Request(error.to_string()))?;
/// # let engine = Engine::open(folder.path().join("store.redb"))?;
/// # let key = SigningKey::generate(Curve::K256, &SystemRandom)?;
/// # let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
/// # engine.create_account(&did, &key)?;
/// let post = Record::from_json(&serde_json::json!({"text": "ahoy"}))?;
/// let op = Op::create("app.bsky.feed.post/3jzfcijpj2z2a".parse()?, post);
/// engine.write(&did, vec![op], &WriteOptions::default(), &key)?;
///
/// let posts = "app.bsky.feed.post".parse()?;
/// let mut proof = Vec::new();
/// engine.snapshot(&did)?.prove_collection(&posts, &mut proof)?;
///
/// let input = Input::from(proof);
/// let expect = ExpectedHead::signed_by([key.verifying_key()]).did(did);
/// let report = verify_collection(&input, &posts, &expect, &SystemClock, &mut Discard)?;
/// assert!(report.is_valid());
/// assert_eq!((report.complete, report.records), (Some(true), Some(1)));
/// # Ok::<(), carrack::Error>(())
/// ```
///
/// # Errors
/// `Io` if reading fails, and the sink's errors. Problems of the proof are in the report.
pub fn verify_collection(
    input: &Input,
    collection: &Nsid,
    expect: &ExpectedHead,
    clock: &dyn Clock,
    sink: &mut dyn Sink,
) -> Result<CollectionReport> {
    match FileSource::new(input.clone()) {
        Ok(mut source) => verify_collection_source(&mut source, collection, expect, clock, sink),
        Err(error) => Ok(CollectionReport::of(report_of(error)?, collection)),
    }
}

/// Checks a proof of a collection from any source of blocks.
///
/// # Errors
/// As [`verify_collection`].
pub fn verify_collection_source(
    source: &mut dyn BlockSource,
    collection: &Nsid,
    expect: &ExpectedHead,
    clock: &dyn Clock,
    sink: &mut dyn Sink,
) -> Result<CollectionReport> {
    let mut check = Verification::new(source, sink);
    let mut proven = None;
    if let Some(data) = check.head(expect, clock)? {
        let head_is_right = check.report.is_valid();
        let found = look_over(&mut check, data, &KeyRange::of_collection(collection))?;
        proven = found.filter(|_| head_is_right);
    }
    let mut report = CollectionReport::of(check.finish()?, collection);
    if let Some(found) = proven {
        report.complete = Some(found.all_held);
        report.records = Some(found.records);
        report.listing_sha256 = Some(found.listing.finish());
    }
    Ok(report)
}

impl CollectionReport {
    /// A report that proves nothing.
    fn of(report: Report, collection: &Nsid) -> Self {
        let collection = collection.clone();
        Self { report, collection, complete: None, records: None, listing_sha256: None }
    }
}

/// The entries that are proved to be in the range.
struct ProvenRange {
    records: u64,
    listing: ListingDigest,
    all_held: bool,
}

/// Walks the part of the tree that may hold keys of the range, and continues after problems. `None`
/// if part of it is missing or invalid.
fn look_over(
    check: &mut Verification<'_>,
    data: Cid,
    range: &KeyRange,
) -> Result<Option<ProvenRange>> {
    let absent = (Code::NotProven, "a node that may hold keys of the collection is not there");
    let mut found = ProvenRange { records: 0, listing: ListingDigest::default(), all_held: true };
    let mut all_seen = true;
    let mut walk = Walk::new(data);
    loop {
        match walk.next() {
            Want::Node(want) => {
                // A node out of range is not entered: the walk continues after it.
                if range.overlaps(&want.left, want.end.as_ref()) {
                    all_seen &= check.node(&mut walk, &want, absent)?;
                }
            }
            Want::Record(want) => {
                if range.contains(&want.key) {
                    found.records += 1;
                    found.listing.push(want.key.as_bytes(), &want.cid)?;
                    found.all_held &= check.entry(&want)?;
                }
            }
            Want::Leave { .. } => check.sink.leave()?,
            Want::End => return Ok(Some(found).filter(|_| all_seen)),
        }
    }
}
