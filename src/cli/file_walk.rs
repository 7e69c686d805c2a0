//! Walks a whole FILE and verifies it on the way.

use crate::cli::answer::Answer;
use crate::cli::environment::clock;
use crate::cli::failure::Failure;
use crate::cli::io::input;
use crate::cli::io::progress::{Bar, ProgressSource};
use crate::cli::text::things;
use carrack::Error;
use carrack::block::Block;
use carrack::commit::Commit;
use carrack::ident::{Did, Nsid};
use carrack::parts::sources::{FileSource, verify_source};
use carrack::parts::tree::KeyRange;
use carrack::tree::RecordWant;
use carrack::verify::{ExpectedHead, Sink};
use std::path::Path;

/// Gives the repository in a file to a sink. `doing` names the progress bar, and `holes` is what a
/// file that is not valid means for the output.
pub(in crate::cli) fn walk_file(
    doing: &'static str,
    path: &Path,
    did: Option<&Did>,
    sink: &mut dyn Sink,
    holes: &str,
) -> Result<Answer, Failure> {
    let input = input::open(path)?;
    let bar = Bar::bytes(doing, input.length());
    let mut source = ProgressSource::new(FileSource::new(input)?, &bar);
    let mut sink = OfAccount { did, sink };
    let report = verify_source(&mut source, &ExpectedHead::unchecked(), &*clock(), &mut sink)?;
    if report.is_valid() {
        return Ok(Answer::Yes);
    }
    let all = things(report.problems.count(), "problem");
    let failure = Failure::from(Error::Refused(report.problems));
    Err(failure.preceded_by(format_args!("the repository is not valid, and {holes}: {all}; ")))
}

/// Ends the walk if the repository is of another account.
struct OfAccount<'a> {
    did: Option<&'a Did>,
    sink: &'a mut dyn Sink,
}

impl Sink for OfAccount<'_> {
    fn needs_records(&self) -> bool {
        self.sink.needs_records()
    }

    fn commit(&mut self, commit: &Commit) -> carrack::Result<()> {
        let expect = ExpectedHead::unchecked().did(self.did.cloned());
        Ok(expect.check_did(commit.did())?)
    }

    fn entry(&mut self, want: &RecordWant) -> carrack::Result<()> {
        self.sink.entry(want)
    }

    fn record(&mut self, want: &RecordWant, block: &Block) -> carrack::Result<()> {
        self.sink.record(want, block)
    }
}

/// Passes the records of one collection on, or of all.
pub(in crate::cli) struct CollectionSink<'a, S> {
    range: Option<KeyRange>,
    sink: &'a mut S,
}

impl<'a, S: Sink> CollectionSink<'a, S> {
    pub(in crate::cli) fn new(collection: Option<&Nsid>, sink: &'a mut S) -> Self {
        Self { range: collection.map(KeyRange::of_collection), sink }
    }

    fn wants(&self, want: &RecordWant) -> bool {
        self.range.as_ref().is_none_or(|range| range.contains(&want.key))
    }
}

impl<S: Sink> Sink for CollectionSink<'_, S> {
    fn needs_records(&self) -> bool {
        self.sink.needs_records()
    }

    fn entry(&mut self, want: &RecordWant) -> carrack::Result<()> {
        if self.wants(want) { self.sink.entry(want) } else { Ok(()) }
    }

    fn record(&mut self, want: &RecordWant, block: &Block) -> carrack::Result<()> {
        if self.wants(want) { self.sink.record(want, block) } else { Ok(()) }
    }
}
