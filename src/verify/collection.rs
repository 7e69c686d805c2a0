//! What a partial CAR proves of a whole collection.

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

/// What a partial CAR proves of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectionReport {
    /// The head, the sections, and every problem. What only a whole tree tells is `None`.
    pub report: Report,
    /// The collection that was asked about.
    pub collection: Nsid,
    /// Whether every record of the collection is in the CAR. `Some(false)`: it is proven which
    /// records there are, but the block of one is not there or does not hash right. `None`: it is
    /// not proven which there are, since a node that may hold some is not there or not right, or
    /// the head is not.
    pub complete: Option<bool>,
    /// How many records the collection has; `None` where `complete` is.
    pub records: Option<u64>,
    /// SHA-256 over the lines `path SPACE cid NEWLINE` of the collection; `None` where `complete`
    /// is.
    pub listing_sha256: Option<String>,
}

impl CollectionReport {
    /// Whether nothing is wrong: then the collection is complete too.
    pub fn is_valid(&self) -> bool {
        self.report.is_valid() && self.complete == Some(true)
    }
}

/// Checks what a partial CAR (head, every node that may hold a key of the collection, every
/// record of it) proves of `collection`: that these records are all that there are, or that there
/// is none. `sink` sees the nodes that were visited, and the collection's entries and records.
///
/// Subtrees that can hold nothing of the collection are neither needed nor looked at; a missing
/// one that can is `NotProven`. Memory is bounded as in [`verify`](crate::verify::verify), at any size of
/// the collection. Under a head that has a problem nothing is proven.
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
/// Only if reading fails, or the sink does; what is wrong with the proof is in the report.
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

/// The same of blocks from any source.
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
    /// A report that proves nothing yet.
    fn of(report: Report, collection: &Nsid) -> Self {
        let collection = collection.clone();
        Self { report, collection, complete: None, records: None, listing_sha256: None }
    }
}

/// What is proven to be in the range.
struct ProvenRange {
    records: u64,
    listing: ListingDigest,
    all_held: bool,
}

/// Walks the part of the tree that may hold keys of the range, on past every problem. `None` if
/// some of that part could not be seen.
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
                // A node out of range is not entered: the walk goes on behind it.
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
