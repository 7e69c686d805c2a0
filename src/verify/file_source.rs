//! Returns the blocks of a file to a walk, for any order of its sections.

use crate::block::{Block, Cid};
use crate::error::{Error, Result};
use crate::problem::{Code, Problem};
use crate::verify::block_source::{BlockSource, Missing, RecordBlock, Totals};
use crate::verify::index::{RequestedSections, SectionState};
use crate::verify::indexed::{IndexedFile, OtherSections, Unrequested};
use crate::verify::input::Input;
use crate::verify::node_outline::TreeCounts;
use crate::verify::others::Others;
use crate::verify::position::Position;
use crate::verify::prefetch::fetch::{Fetched, FetchedBlock, IndexedSection};
use crate::verify::read_through::{IndexedKind, ReadThrough, read_header};
use crate::verify::report::Order;
use crate::verify::sections::{HashedSection, Sections};

/// A source that reads a file. While sections are in the order of the walk, none is kept; at the
/// first that is not, the file is indexed and read ahead in the order of its tree.
///
/// Sections whose CIDs no block of a repository can have, mostly blobs, are skipped and not
/// indexed, unless a node references one. If there are more other sections than any tree in the
/// file could reference, they are not indexed either, and the problem is `TooManyBlocks`.
///
/// Threads hash and read a few batches ahead.
pub struct FileSource {
    input: Input,
    roots: Vec<Cid>,
    /// The sections in the order of the file, until it is indexed.
    sections: Sections,
    next: Option<HashedSection>,
    position: Position,
    count: u64,
    /// The problem that ended the reading of sections.
    broken: Option<Problem>,
    skips_records: bool,
    skips_tree: bool,
    /// Skipped sections.
    others: Others,
    /// Whether the tree references a skipped section.
    wants_others: bool,
    indexed: Option<IndexedFile>,
    /// Why sections, or the skipped ones, cannot be looked up.
    flood: Option<Problem>,
}

impl FileSource {
    /// Reads the header.
    ///
    /// # Errors
    /// `Problem` with `NotACar` or `Truncated`; `Io` if reading fails.
    pub fn new(input: Input) -> Result<Self> {
        let reader = read_header(&input)?;
        let roots = reader.roots().to_vec();
        let start = reader.offset();
        Ok(Self {
            sections: Sections::new(&input, reader),
            input,
            roots,
            next: None,
            position: Position::from(start),
            count: 0,
            broken: None,
            skips_records: false,
            skips_tree: false,
            others: Others::default(),
            wants_others: false,
            indexed: None,
            flood: None,
        })
    }

    /// The next section in the file, or `None` at the end or after a problem.
    fn peek(&mut self) -> Result<Option<&HashedSection>> {
        if self.next.is_none() && self.broken.is_none() {
            match self.sections.next() {
                Ok(section) => self.next = section,
                Err(Error::Problem(problem)) => self.broken = Some(*problem),
                Err(error) => return Err(error),
            }
        }
        Ok(self.next.as_ref())
    }

    /// Takes the next section in the file, if it is the requested one and the file is read in its
    /// order.
    fn take_in_order(&mut self, cid: &Cid) -> Result<Option<HashedSection>> {
        if self.is_read_through() || self.peek()?.is_none_or(|next| next.cid() != Some(cid)) {
            return Ok(None);
        }
        let section = self.next.take();
        if let Some(section) = &section {
            self.count += 1;
            self.wants_others |= !cid.is_of_repository();
            self.position.pass_next(section.offset, section.length);
        }
        Ok(section)
    }

    /// Whether the whole file has been read for its index.
    fn is_read_through(&self) -> bool {
        self.indexed.is_some() || self.flood.is_some()
    }

    /// The index; `None` if the file has too many sections for one.
    fn indexed(&mut self) -> Result<Option<&mut IndexedFile>> {
        if !self.is_read_through() {
            self.build_index()?;
        }
        Ok(self.indexed.as_mut())
    }

    /// Records where each section is, and which are valid. If records are needed, they are hashed
    /// when they are fetched; if not, all are hashed here; if nodes are not needed either, node
    /// outlines are kept.
    fn build_index(&mut self) -> Result<()> {
        self.next = None;
        self.sections = Sections::None;
        let hashes = self.skips_records;
        let keeps_nodes = hashes && self.skips_tree;
        let reading =
            ReadThrough { input: &self.input, kind: IndexedKind::Repository, hashes, keeps_nodes };
        let found = reading.run()?;
        let pass = found.pass;
        self.broken = pass.broken;
        self.count = pass.sections;
        self.others = pass.others;
        match found.index {
            Ok(index) => {
                let in_order = self.position.in_order;
                let indexed = IndexedFile::new(&self.input, index, pass.nodes, in_order, !hashes);
                self.indexed = Some(indexed);
            }
            Err(problem) => self.flood = Some(problem),
        }
        Ok(())
    }

    /// Indexes the skipped sections too: the tree references one.
    fn index_others(&mut self) -> Result<()> {
        self.wants_others = true;
        let Some(indexed) = &mut self.indexed else { return Ok(()) };
        if !matches!(indexed.others, OtherSections::Unindexed) {
            return Ok(());
        }
        let (kind, input) = (IndexedKind::Other, &self.input);
        let found = ReadThrough { input, kind, hashes: false, keeps_nodes: false }.run()?;
        self.others = found.pass.others;
        indexed.others = match found.index {
            Ok(index) => {
                let taken = RequestedSections::before(&index, self.position.in_order);
                OtherSections::Indexed(index, taken)
            }
            Err(problem) => {
                self.flood = Some(problem);
                OtherSections::TooMany
            }
        };
        Ok(())
    }

    /// Records that the walk received a section, and refuses blocks that the tree references too
    /// often.
    fn give(&mut self, cid: &Cid, at: IndexedSection) -> Result<(), Missing> {
        let Some(indexed) = &mut self.indexed else { return Ok(()) };
        let passed = indexed.pass(&mut self.position, cid, at);
        passed.map_err(|_| Missing::Wrong(repeated_too_often(cid, at.place.offset)))
    }

    /// Returns the prefetched block, if it is the requested one.
    fn take_fetched(&mut self, cid: &Cid) -> Result<Option<Fetched>> {
        match &mut self.indexed {
            Some(indexed) => indexed.take_fetched(cid),
            None => Ok(None),
        }
    }

    /// Looks up a block and reads it. If a large subtree hangs on it, that subtree is prefetched.
    fn look_up(&mut self, cid: &Cid) -> Result<Result<Block, Missing>> {
        let in_order = self.position.in_order;
        if self.indexed()?.is_none() {
            return Ok(Err(Missing::GivenUp));
        }
        if !cid.is_of_repository() {
            self.index_others()?;
        }
        let Some(indexed) = &self.indexed else { return Ok(Err(Missing::GivenUp)) };
        if !cid.is_of_repository() && matches!(indexed.others, OtherSections::TooMany) {
            return Ok(Err(Missing::GivenUp));
        }
        let Some((at, section)) = indexed.find(cid, in_order)? else {
            return Ok(Err(Missing::Absent));
        };
        if let Err(missed) = self.give(cid, at) {
            return Ok(Err(missed));
        }
        let block = section.into_block().map_err(Missing::Wrong);
        if let (Ok(block), Some(indexed)) = (&block, &mut self.indexed) {
            indexed.fetch_below(block);
        }
        Ok(block)
    }

    /// Counts and checks skipped sections that come next, such as blobs after a repository; these
    /// need no index.
    fn pass_others(&mut self) -> Result<()> {
        while let Some(next) = self.peek()? {
            if next.cid().is_some_and(Cid::is_of_repository) {
                return Ok(());
            }
            if let Some(section) = self.next.take() {
                self.count += 1;
                self.others.add(section);
            }
        }
        Ok(())
    }

    /// The sections that were not requested.
    fn rest(&mut self) -> Result<Unrequested> {
        if !self.is_read_through() && !self.wants_others {
            self.pass_others()?;
        }
        if !self.is_read_through() && self.peek()?.is_some() {
            self.indexed()?;
        }
        if self.wants_others {
            self.index_others()?;
        }
        let others = std::mem::take(&mut self.others);
        let (sections, count) = (others.sections, self.count);
        let mut rest = match &self.indexed {
            Some(indexed) => indexed.check_rest()?,
            None => Unrequested::none(count.saturating_sub(sections)),
        };
        rest.unreferenced += sections;
        rest.findings.merge(others);
        Ok(rest)
    }
}

impl BlockSource for FileSource {
    fn roots(&self) -> &[Cid] {
        &self.roots
    }

    fn skip_records(&mut self) {
        self.skips_records = true;
    }

    fn skip_tree(&mut self) {
        self.skips_tree = true;
    }

    fn check_outline(&mut self, root: &Cid) -> Result<Option<TreeCounts>> {
        // A file in streaming order needs no index.
        if !self.is_read_through() && self.peek()?.is_some_and(|next| next.cid() == Some(root)) {
            self.skips_tree = false;
            return Ok(None);
        }
        let mut position = self.position.clone();
        let Some(indexed) = self.indexed()? else { return Ok(None) };
        let sound = indexed.check_outline(root, &mut position);
        if sound.is_some() {
            self.position = position;
        }
        Ok(sound)
    }

    fn want(&mut self, cid: &Cid) -> Result<Result<Block, Missing>> {
        if let Some(section) = self.take_in_order(cid)? {
            return Ok(section.into_block().map_err(Missing::Wrong));
        }
        if let Some(Fetched { found: FetchedBlock::Block(at, block), .. }) =
            self.take_fetched(cid)?
        {
            return Ok(self.give(cid, at).map(|()| block));
        }
        self.look_up(cid)
    }

    fn want_record(&mut self, cid: &Cid) -> Result<Result<RecordBlock, Missing>> {
        if let Some(section) = self.take_in_order(cid)? {
            let is_sound = section.is_sound;
            return Ok(section.into_block().map_err(Missing::Wrong).map(given(is_sound)));
        }
        Ok(match self.take_fetched(cid)? {
            Some(Fetched { found: FetchedBlock::Unread(at), .. }) => {
                self.give(cid, at).map(|()| RecordBlock::VerifiedUnread)
            }
            Some(Fetched { found: FetchedBlock::Block(at, block), .. }) => {
                let is_sound = at.place.state == SectionState::Verified;
                self.give(cid, at).map(|()| given(is_sound)(block))
            }
            _ => self.look_up(cid)?.map(RecordBlock::Hashed),
        })
    }

    fn finish(&mut self, report: &mut dyn FnMut(Problem)) -> Result<Totals> {
        let rest = self.rest()?;
        let warning = rest.findings.warning();
        rest.findings.wrong.tell(report);
        if let Some(problem) = self.broken.take() {
            report(problem);
        }
        let mut tail = Totals {
            sections: self.count,
            reached: rest.reached,
            unreached: rest.unreached,
            warning,
            ..Totals::default()
        };
        if let Some(problem) = self.flood.take() {
            report(problem);
            return Ok(tail);
        }
        let is_streaming = self.position.streaming && !rest.has_copies;
        tail.order = Some(if is_streaming { Order::Streaming } else { Order::Other });
        tail.unreferenced = Some(rest.unreferenced);
        Ok(tail)
    }

    fn position(&self) -> u64 {
        self.position.given
    }
}

fn given(is_sound: bool) -> fn(Block) -> RecordBlock {
    if is_sound { RecordBlock::Verified } else { RecordBlock::Hashed }
}

/// The problem of a small file whose tree references one large block at a million places.
fn repeated_too_often(cid: &Cid, offset: u64) -> Problem {
    let message = "the tree names blocks again and again: more than several times the whole input";
    Problem::new(Code::TooLarge, message).cid(cid).offset(offset)
}

#[cfg(test)]
impl FileSource {
    /// How many index slots were read.
    pub(in crate::verify) fn steps(&self) -> u64 {
        self.indexed.as_ref().map_or(0, |indexed| indexed.source.index.steps.count())
    }
}
