//! The walk over a whole repository.

use crate::block::{Block, Cid, data_model};
use crate::commit::Commit;
use crate::env::Clock;
use crate::error::{Error, Result};
use crate::ident::RepoPath;
use crate::limits::IMPORTED_RECORD_BYTES_MAX;
use crate::problem::Problems;
use crate::problem::{Code, Problem};
use crate::tree::{NodeWant, RecordWant, Walk, Want};
use crate::verify::block_source::{BlockSource, Missing, RecordBlock, Totals};
use crate::verify::expected_head::ExpectedHead;
use crate::verify::file_source::FileSource;
use crate::verify::input::Input;
use crate::verify::node_outline::TreeCounts;
use crate::verify::read_through::too_many;
use crate::verify::report::Report;
use crate::verify::slots::sections_allowed;

/// A receiver of the parts of a repository while it is verified. Parts come in streaming order.
/// Every method has a default, which ignores its part.
pub trait Sink {
    /// Whether the sink uses records. If not, [`Sink::record`] may be skipped for valid ones.
    fn needs_records(&self) -> bool {
        true
    }
    /// Whether the sink uses nodes and entries. If not, those of a valid tree may be skipped, and
    /// its records too.
    fn needs_tree(&self) -> bool {
        true
    }
    /// Receives the head commit.
    ///
    /// # Errors
    /// An error ends the walk, here and in the methods below.
    fn commit(&mut self, commit: &Commit) -> Result<()> {
        let _ = commit;
        Ok(())
    }
    /// Receives a valid node.
    ///
    /// # Errors
    /// Ends the walk.
    fn enter(&mut self, want: &NodeWant, height: u8, block: &Block) -> Result<()> {
        let _ = (want, height, block);
        Ok(())
    }
    /// Receives an entry, whether or not its record is available.
    ///
    /// # Errors
    /// Ends the walk.
    fn entry(&mut self, want: &RecordWant) -> Result<()> {
        let _ = want;
        Ok(())
    }
    /// Receives the record of the last entry; its hash is right.
    ///
    /// # Errors
    /// Ends the walk.
    fn record(&mut self, want: &RecordWant, block: &Block) -> Result<()> {
        let _ = (want, block);
        Ok(())
    }
    /// The last entered node has ended.
    ///
    /// # Errors
    /// Ends the walk.
    fn leave(&mut self) -> Result<()> {
        Ok(())
    }
    /// Receives a problem. The walk continues, and later parts may have gaps.
    fn problem(&mut self, problem: &Problem) {
        let _ = problem;
    }
}

/// A sink that ignores all parts, for callers that need only the report.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Sink for Discard {
    fn needs_records(&self) -> bool {
        false
    }

    fn needs_tree(&self) -> bool {
        false
    }
}

/// Verifies a repository offline: every hash, the head's form and signature, every node's form,
/// layer, order and range, every path, and completeness. It continues after a problem and lists all
/// of them.
///
/// Memory is bounded for any length and order of the blocks: an index of the input, one path of the
/// tree and one block. An input with far more blocks than its tree has
/// ([`UNREACHED_BLOCKS_MAX`](crate::limits::UNREACHED_BLOCKS_MAX)) has the problem `TooManyBlocks`.
///
/// ```
/// use carrack::env::SystemClock;
/// use carrack::verify::{Discard, ExpectedHead, Input, verify};
///
/// let input = Input::from(b"not a CAR".to_vec());
/// let report = verify(&input, &ExpectedHead::unchecked(), &SystemClock, &mut Discard)?;
/// assert!(!report.is_valid());
/// # Ok::<(), carrack::Error>(())
/// ```
///
/// # Errors
/// `Io` if reading fails, and the sink's errors. Problems of the repository are in the report.
pub fn verify(
    input: &Input,
    expect: &ExpectedHead,
    clock: &dyn Clock,
    sink: &mut dyn Sink,
) -> Result<Report> {
    match FileSource::new(input.clone()) {
        Ok(mut source) => verify_source(&mut source, expect, clock, sink),
        Err(error) => report_of(error),
    }
}

/// Verifies a repository from any source of blocks. Memory is that of the source, one path of the
/// tree and one block.
///
/// # Errors
/// As [`verify`].
pub fn verify_source(
    source: &mut dyn BlockSource,
    expect: &ExpectedHead,
    clock: &dyn Clock,
    sink: &mut dyn Sink,
) -> Result<Report> {
    let mut check = Verification::new(source, sink);
    let wants_verdict = check.skips_records && !check.sink.needs_tree();
    if wants_verdict {
        check.source.skip_tree();
    }
    if let Some(data) = check.head(expect, clock)? {
        let sound = if wants_verdict { check.source.check_outline(&data)? } else { None };
        match sound {
            Some(sound) => check.report.count(sound),
            None => check.tree(data)?,
        }
    }
    check.finish_whole()
}

/// A walk over a whole repository or a part of one.
pub(in crate::verify) struct Verification<'a> {
    source: &'a mut dyn BlockSource,
    pub(in crate::verify) sink: &'a mut dyn Sink,
    skips_records: bool,
    pub(in crate::verify) report: Report,
}

impl<'a> Verification<'a> {
    pub(in crate::verify) fn new(source: &'a mut dyn BlockSource, sink: &'a mut dyn Sink) -> Self {
        let skips_records = !sink.needs_records();
        if skips_records {
            source.skip_records();
        }
        Self { source, sink, skips_records, report: Report::default() }
    }

    fn problem(&mut self, problem: Problem) {
        self.sink.problem(&problem);
        self.report.problems.push(problem);
    }

    /// Checks the commit; returns the root of the tree.
    pub(in crate::verify) fn head(
        &mut self,
        expect: &ExpectedHead,
        clock: &dyn Clock,
    ) -> Result<Option<Cid>> {
        let Some(root) = self.source.roots().first().cloned() else {
            self.problem(Problem::new(Code::NoRoot, "the header names no root"));
            return Ok(None);
        };
        if !root.is_dag_cbor() {
            let message = "the root has a form that no commit's CID has";
            self.problem(Problem::new(Code::UnsupportedCid, message).cid(&root));
            return Ok(None);
        }
        let Some(block) =
            self.fetch(&root, Code::MissingCommit, "the root's block is not there")?
        else {
            return Ok(None);
        };
        self.report.commit = Some(root);
        let commit = match Commit::decode(&block) {
            Ok(commit) => commit,
            Err(problem) => {
                self.problem(problem);
                return Ok(None);
            }
        };
        self.report.version = Some(commit.version());
        self.report.did = Some(commit.did().clone());
        self.report.rev = commit.rev().filter(|_| commit.version() >= 3);
        self.report.data = Some(commit.data().clone());
        let mut found = Vec::new();
        let signature = expect.check(&commit, clock, &mut |problem| found.push(problem));
        self.report.signature = Some(signature);
        for problem in found {
            self.problem(problem);
        }
        self.sink.commit(&commit)?;
        Ok(Some(commit.data().clone()))
    }

    fn tree(&mut self, data: Cid) -> Result<()> {
        let mut walk = Walk::new(data);
        let mut counts = Counts::default();
        loop {
            match walk.next() {
                Want::Node(want) => {
                    let absent = (Code::MissingNode, "a tree node is not there");
                    counts.node(self.node(&mut walk, &want, absent)?, walk.depth());
                }
                Want::Record(want) => {
                    counts.records += 1;
                    self.entry(&want)?;
                }
                Want::Leave { .. } => self.sink.leave()?,
                Want::End => break,
            }
        }
        if counts.complete {
            let Counts { records, nodes, height, .. } = counts;
            self.report.count(TreeCounts { records, nodes, height });
        }
        Ok(())
    }

    /// Enters a node; returns false if it is missing or invalid, and its subtree is skipped.
    pub(in crate::verify) fn node(
        &mut self,
        walk: &mut Walk,
        want: &NodeWant,
        absent: (Code, &str),
    ) -> Result<bool> {
        let Some(block) = self.fetch(&want.cid, absent.0, absent.1)? else { return Ok(false) };
        let problems = walk.enter(&block);
        if problems.is_empty() {
            self.sink.enter(want, walk.height().unwrap_or(0), &block)?;
            return Ok(true);
        }
        for problem in problems {
            self.problem(problem);
        }
        Ok(false)
    }

    /// Checks an entry and its record; returns whether the record is there.
    pub(in crate::verify) fn entry(&mut self, want: &RecordWant) -> Result<bool> {
        if let Err(reason) = RepoPath::check(want.key.as_bytes()) {
            let message = format!("a key is not a repository path: {reason}");
            self.problem(Problem::new(Code::BadPath, message).path(&want.key).cid(&want.cid));
        }
        self.sink.entry(want)?;
        match self.source.want_record(&want.cid)? {
            Ok(RecordBlock::VerifiedUnread) if self.skips_records => {}
            Ok(RecordBlock::Verified(block)) if *block.cid() == want.cid => {
                self.sink.record(want, &block)?;
            }
            Ok(RecordBlock::Hashed(block)) if *block.cid() == want.cid => {
                self.record(want, &block)?;
            }
            Ok(other) => {
                self.problem(other.not_what_was_wanted().cid(&want.cid).path(&want.key));
                return Ok(false);
            }
            Err(missed) => {
                if let Some(problem) = missed.problem(Code::MissingRecord, "a record is not there")
                {
                    self.problem(problem.cid(&want.cid).path(&want.key));
                }
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Checks a record of which only the hash was checked.
    fn record(&mut self, want: &RecordWant, block: &Block) -> Result<()> {
        if block.bytes().len() > IMPORTED_RECORD_BYTES_MAX {
            let length = block.bytes().len();
            let message =
                format!("a record of {length} bytes; {IMPORTED_RECORD_BYTES_MAX} at most");
            self.problem(Problem::new(Code::TooLarge, message).path(&want.key).cid(&want.cid));
        } else if let Some(warning) = data_model::warning(block.bytes()) {
            self.report.warnings.push(warning.path(&want.key).cid(&want.cid));
        }
        self.sink.record(want, block)
    }

    fn fetch(&mut self, cid: &Cid, code: Code, absent: &str) -> Result<Option<Block>> {
        match self.want(cid)? {
            Ok(block) => Ok(Some(block)),
            Err(missed) => {
                if let Some(problem) = missed.problem(code, absent) {
                    self.problem(problem.cid(cid));
                }
                Ok(None)
            }
        }
    }

    /// Returns the source's block, after a check that it is the requested one: a source may be
    /// foreign code.
    fn want(&mut self, cid: &Cid) -> Result<Result<Block, Missing>> {
        let given = self.source.want(cid)?;
        Ok(given.and_then(|block| {
            if block.cid() == cid {
                return Ok(block);
            }
            Err(Missing::Wrong(RecordBlock::Hashed(block).not_what_was_wanted()))
        }))
    }

    /// Completes the report on a whole repository: the number of unreferenced blocks has a limit.
    fn finish_whole(mut self) -> Result<Report> {
        let tail = self.read_rest()?;
        // Blocks below a missing node may be in the input unreferenced.
        let is_whole = self.report.nodes.is_some();
        let sections = tail.reached.saturating_add(tail.unreached);
        let allowed = sections_allowed(tail.reached);
        if is_whole && sections > allowed {
            self.problem(too_many(sections, allowed));
        }
        Ok(self.report)
    }

    /// Completes the report.
    pub(in crate::verify) fn finish(mut self) -> Result<Report> {
        self.read_rest()?;
        Ok(self.report)
    }

    fn read_rest(&mut self) -> Result<Totals> {
        // Limited to the number that a report lists: a file may have a problem in each of millions
        // of sections.
        let mut found = Problems::default();
        let tail = self.source.finish(&mut |problem| found.push(problem))?;
        let omitted = found.omitted();
        for problem in found.into_listed() {
            self.problem(problem);
        }
        self.report.problems.omit(omitted);
        if let Some(warning) = tail.warning.clone() {
            self.report.warnings.push(warning);
        }
        self.report.blocks = Some(tail.sections);
        self.report.unreferenced_blocks = tail.unreferenced;
        self.report.order = tail.order;
        Ok(tail)
    }
}

struct Counts {
    records: u64,
    nodes: u64,
    height: u64,
    complete: bool,
}

impl Default for Counts {
    fn default() -> Self {
        Self { records: 0, nodes: 0, height: 0, complete: true }
    }
}

impl Counts {
    fn node(&mut self, entered: bool, depth: u64) {
        self.complete &= entered;
        if entered {
            self.nodes += 1;
            self.height = self.height.max(depth);
        }
    }
}

impl RecordBlock {
    fn not_what_was_wanted(self) -> Problem {
        let message = match self {
            Self::Hashed(block) | Self::Verified(block) => {
                format!("the source gives {} for it", block.cid())
            }
            Self::VerifiedUnread => "the source keeps its bytes, which were wanted".to_owned(),
        };
        Problem::new(Code::HashMismatch, message)
    }
}

impl Missing {
    /// `None` if the problem is reported at the end.
    fn problem(self, code: Code, absent: &str) -> Option<Problem> {
        match self {
            Self::Absent => Some(Problem::new(code, absent)),
            Self::Wrong(problem) => Some(problem),
            Self::GivenUp => None,
        }
    }
}

/// The report on an input that is not a CAR, or whose reading fails with a problem.
pub(in crate::verify) fn report_of(error: Error) -> Result<Report> {
    match error {
        Error::Problem(problem) => {
            let mut report = Report::default();
            report.problems.push(*problem);
            Ok(report)
        }
        error => Err(error),
    }
}
