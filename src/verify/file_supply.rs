//! Gives a walk the blocks that it asks for from a file, whatever the order of its sections.

use super::ahead::Ahead;
use super::compact::{Compact, Gathered, Room, Sound};
use super::course::{self, Course};
use super::fetch::{At, Fetched, Found, Source, read_section};
use super::index::{INDEXED_BYTES_MAX, Index, Place, Slot, Taken};
use super::input::Input;
use super::keyed::Keyed;
use super::report::Order;
use super::sections::{Section, Sections, THREAD_BYTES, each_section};
use super::supply::{Given, Missed, Supply, Tail};
use crate::block::{Block, Cid};
use crate::car::{Frame, Reader};
use crate::error::{Code, Error, Problem, Result};
use crate::limits::PROBLEMS_LISTED_MAX;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

/// How many times its own length an input may be read for blocks that the tree names repeatedly,
/// and how many bytes in any case: honest repositories repeat little, and only small records.
const REPEATED_FACTOR: u64 = 4;
const REPEATED_BYTES: u64 = 64 << 20;

/// Blocks from a file. As long as they come in the order of the walk, none of them is kept; at
/// the first that does not, the file is indexed, and read ahead in the order of its tree.
///
/// Hashing and reading go on in threads of their own, a few batches ahead.
pub struct FileSupply {
    input: Input,
    roots: Vec<Cid>,
    /// The sections as they come, until the file is indexed.
    sections: Sections,
    next: Option<Section>,
    course: Course,
    count: u64,
    /// What broke off the reading of sections.
    broken: Option<Problem>,
    skips_records: bool,
    skips_tree: bool,
    indexed: Option<Indexed>,
}

/// What there is of a file that is not in streaming order.
struct Indexed {
    source: Source,
    course: course::Indexed,
    /// Its nodes, until the tree has been judged.
    compact: Option<Compact>,
    ahead: Option<Ahead<Fetched>>,
    /// What the fetching that is under way has given.
    fetched: u64,
    /// How many more times fetching may be begun for little.
    tries: u32,
}

/// A walk that leaves out much of the tree, or came late to the index, may start fetching so often
/// for fewer blocks than [`WORTHWHILE`]; then it reads for itself.
const TRIES: u32 = 16;
const WORTHWHILE: u64 = 256;

/// What the two threads that judge a tree hand over at a time, and how many may wait.
const LINKS_IN_A_BATCH: usize = 8192;
const BATCHES_WAITING: usize = 3;

impl FileSupply {
    /// Reads the header.
    ///
    /// # Errors
    /// `NotACar`, `Truncated`, or a failure to read.
    pub fn new(input: Input) -> Result<Self> {
        if input.length() > INDEXED_BYTES_MAX {
            let message = format!("{} bytes; {INDEXED_BYTES_MAX} at most", input.length());
            return Err(Problem::new(Code::TooLarge, message).into());
        }
        let reader = Reader::new(input.reader_at(0))?;
        let roots = reader.roots().to_vec();
        let start = reader.offset();
        Ok(Self {
            sections: Sections::new(&input, reader),
            input,
            roots,
            next: None,
            course: Course::from(start),
            count: 0,
            broken: None,
            skips_records: false,
            skips_tree: false,
            indexed: None,
        })
    }

    /// The next section in the file, or `None` at the end or behind a break.
    fn peek(&mut self) -> Result<Option<&Section>> {
        if self.next.is_none() && self.broken.is_none() {
            match self.sections.next() {
                Ok(section) => self.next = section,
                Err(Error::Problem(problem)) => self.broken = Some(*problem),
                Err(error) => return Err(error),
            }
        }
        Ok(self.next.as_ref())
    }

    /// Takes the next section in the file, if it is this one.
    fn take_in_order(&mut self, cid: &Cid) -> Result<Option<Section>> {
        if self.peek()?.is_none_or(|next| next.cid() != cid) {
            return Ok(None);
        }
        let section = self.next.take();
        if let Some(section) = &section {
            self.count += 1;
            self.course.pass_next(section.offset, section.length);
        }
        Ok(section)
    }

    fn indexed(&mut self) -> Result<&mut Indexed> {
        let indexed = match self.indexed.take() {
            Some(indexed) => indexed,
            None => self.build_index()?,
        };
        Ok(self.indexed.insert(indexed))
    }

    /// Notes where each section is, and which are sound.
    fn build_index(&mut self) -> Result<Indexed> {
        self.next = None;
        self.sections = Sections::None;
        let (index, compact) = self.read_through()?;
        self.count = index.sections();
        let index = Arc::new(index);
        Ok(Indexed {
            course: course::Indexed {
                taken: Taken::before(&index, self.course.in_order),
                repeatable: self.input.length().saturating_mul(REPEATED_FACTOR) + REPEATED_BYTES,
            },
            source: Source { input: self.input.clone(), index, with_records: !self.skips_records },
            compact,
            ahead: None,
            fetched: 0,
            tries: if self.input.length() < THREAD_BYTES { 0 } else { TRIES },
        })
    }

    /// Reads the file from its start. Who wants the records has them hashed as they are fetched;
    /// who does not has all of it hashed here, and who wants no nodes either has those kept.
    fn read_through(&mut self) -> Result<(Index, Option<Compact>)> {
        let (keyed, room) = (Keyed::new(), Room::default());
        let (hashes, keeps) = (self.skips_records, self.skips_records && self.skips_tree);
        let begin = || (Vec::new(), Gathered::default());
        let (read, broken) = each_section(&self.input, begin, |(slots, nodes), frame| {
            if !hashes {
                slots.push(slot(&keyed, &frame.cid, frame.offset, frame.length, false));
                return;
            }
            let section = Section::hash(frame);
            let (cid, is_sound) = (section.cid(), section.is_sound);
            slots.push(slot(&keyed, cid, section.offset, section.length, is_sound));
            if keeps
                && !is_sound
                && let Ok(block) = section.into_block()
            {
                nodes.add(&block, &keyed, &room);
            }
        })?;
        self.broken = broken;
        let (mut slots, mut nodes) = (Vec::new(), Vec::new());
        for (mut some, gathered) in read {
            slots.append(&mut some);
            nodes.push(gathered);
        }
        let compact = if keeps { Compact::of(nodes, keyed.clone(), &room) } else { None };
        Ok((Index::new(keyed, slots), compact))
    }

    /// Notes that the walk has been given a section, and refuses what it names too often.
    fn give(&mut self, cid: &Cid, at: At) -> Result<(), Missed> {
        let Some(indexed) = &mut self.indexed else { return Ok(()) };
        let passed = self.course.pass(&mut indexed.course, at.slot, at.place);
        passed.map_err(|_| Missed::Wrong(repeated_too_often(cid, at.place.offset)))
    }

    /// What was fetched ahead, if it is this.
    fn take_fetched(&mut self, cid: &Cid) -> Result<Option<Fetched>> {
        match &mut self.indexed {
            Some(indexed) => indexed.take_fetched(cid),
            None => Ok(None),
        }
    }

    /// Looks a block up and reads it. If much hangs on it, the rest of that is fetched ahead.
    fn look_up(&mut self, cid: &Cid) -> Result<Result<Block, Missed>> {
        let in_order = self.course.in_order;
        let Some((at, frame)) = self.indexed()?.find(cid, in_order)? else {
            return Ok(Err(Missed::Absent));
        };
        if let Err(missed) = self.give(cid, at) {
            return Ok(Err(missed));
        }
        let block = frame.into_block().map_err(Missed::Wrong);
        if let (Ok(block), Some(indexed)) = (&block, &mut self.indexed) {
            indexed.fetch_below(block);
        }
        Ok(block)
    }
}

impl Supply for FileSupply {
    fn roots(&self) -> &[Cid] {
        &self.roots
    }

    fn skip_records(&mut self) {
        self.skips_records = true;
    }

    fn skip_tree(&mut self) {
        self.skips_tree = true;
    }

    fn judge(&mut self, root: &Cid) -> Result<Option<Sound>> {
        // A file in streaming order needs no index.
        if self.indexed.is_none() && self.peek()?.is_some_and(|next| next.cid() == root) {
            self.skips_tree = false;
            return Ok(None);
        }
        let mut course = self.course.clone();
        let sound = self.indexed()?.judge(root, &mut course);
        if sound.is_some() {
            self.course = course;
        }
        Ok(sound)
    }

    fn want(&mut self, cid: &Cid) -> Result<Result<Block, Missed>> {
        if self.indexed.is_none()
            && let Some(section) = self.take_in_order(cid)?
        {
            return Ok(section.into_block().map_err(Missed::Wrong));
        }
        if let Some(Fetched { found: Found::Block(at, block), .. }) = self.take_fetched(cid)? {
            return Ok(self.give(cid, at).map(|()| block));
        }
        self.look_up(cid)
    }

    fn want_record(&mut self, cid: &Cid) -> Result<Result<Given, Missed>> {
        if self.indexed.is_none()
            && let Some(section) = self.take_in_order(cid)?
        {
            let is_sound = section.is_sound;
            return Ok(section.into_block().map_err(Missed::Wrong).map(given(is_sound)));
        }
        Ok(match self.take_fetched(cid)? {
            Some(Fetched { found: Found::Unread(at), .. }) => {
                self.give(cid, at).map(|()| Given::SoundUnread)
            }
            Some(Fetched { found: Found::Block(at, block), .. }) => {
                self.give(cid, at).map(|()| given(at.place.is_sound)(block))
            }
            _ => self.look_up(cid)?.map(Given::Hashed),
        })
    }

    fn finish(&mut self, report: &mut dyn FnMut(Problem)) -> Result<Tail> {
        if self.indexed.is_none() && self.peek()?.is_some() {
            self.indexed()?;
        }
        let (unreferenced, only_unreferenced) = match &self.indexed {
            Some(indexed) => indexed.check_rest(report)?,
            None => (0, true),
        };
        if let Some(problem) = self.broken.take() {
            report(problem);
        }
        let streaming = self.course.streaming && only_unreferenced;
        let order = if streaming { Order::Streaming } else { Order::Other };
        Ok(Tail { sections: self.count, unreferenced, order })
    }

    fn position(&self) -> u64 {
        self.course.given
    }
}

impl Indexed {
    /// Finds out whether the tree below `root` has nothing wrong with it. One thread goes through
    /// its nodes, this one looks up what they link to.
    fn judge(&mut self, root: &Cid, course: &mut Course) -> Option<Sound> {
        let compact = self.compact.take()?;
        let root = root.clone();
        let mut indexed = self.course.clone();
        let (sender, batches) = sync_channel::<Vec<(u64, bool)>>(BATCHES_WAITING);
        let judging = std::thread::spawn(move || {
            let mut batch = Vec::with_capacity(LINKS_IN_A_BATCH);
            let sound = compact.judge(&root, |hash, is_node| {
                batch.push((hash, is_node));
                let is_full = batch.len() == LINKS_IN_A_BATCH;
                !is_full || sender.send(std::mem::take(&mut batch)).is_ok()
            });
            sound.filter(|_| sender.send(batch).is_ok())
        });
        let is_there = batches
            .iter()
            .all(|links| course.pass_all(&mut indexed, &self.source.index, &links).is_some());
        drop(batches);
        // One that died has found nothing out.
        let sound = judging.join().ok()?.filter(|_| is_there)?;
        self.course = indexed;
        Some(sound)
    }

    /// What was fetched ahead, if it is this; if it is something else, the walk has left the way,
    /// and nothing more of it is of use.
    fn take_fetched(&mut self, cid: &Cid) -> Result<Option<Fetched>> {
        let Some(ahead) = &mut self.ahead else { return Ok(None) };
        match ahead.next()? {
            Some(fetched) if fetched.cid == *cid => {
                self.fetched += 1;
                Ok(Some(fetched))
            }
            _ => {
                self.ahead = None;
                self.tries -= u32::from(self.fetched < WORTHWHILE);
                Ok(None)
            }
        }
    }

    fn fetch_below(&mut self, block: &Block) {
        if self.ahead.is_some() || self.tries == 0 {
            return;
        }
        self.fetched = 0;
        self.ahead = self.source.fetch_below(block);
    }

    /// A section with this CID: the one that is due, if it is one of several.
    fn find(&self, cid: &Cid, in_order: u64) -> Result<Option<(At, Frame)>> {
        let index = &self.source.index;
        let range = index.candidates(index.hash(cid));
        let due = index.at_offset(range.clone(), in_order);
        for slot in due.into_iter().chain(range) {
            let Some(place) = index.place(slot) else { continue };
            let frame = read_section(&self.source.input, place)?;
            if frame.cid == *cid {
                return Ok(Some((At { slot, place }, frame)));
            }
        }
        Ok(None)
    }

    /// Hashes the sections that nobody asked for, and counts their CIDs; says as well whether there
    /// is none but those.
    fn check_rest(&self, report: &mut dyn FnMut(Problem)) -> Result<(u64, bool)> {
        let (index, input) = (&self.source.index, &self.source.input);
        let (mut unreferenced, mut only_unreferenced) = (0, true);
        let mut wrong = FirstWrong::default();
        for (slots, taken) in self.course.taken.rest(index) {
            let taken_cid = match taken.and_then(|slot| index.place(slot)) {
                Some(place) => Some(read_section(input, place)?.cid),
                None => None,
            };
            let mut seen = HashSet::new();
            for slot in slots {
                let Some(place) = index.place(slot) else { continue };
                let frame = read_section(input, place)?;
                if taken_cid.as_ref() == Some(&frame.cid) {
                    only_unreferenced = false;
                } else if seen.insert(frame.cid.clone()) {
                    unreferenced += 1;
                }
                if let Err(problem) = frame.into_block() {
                    wrong.add(place.offset, problem);
                }
            }
        }
        wrong.tell(report);
        Ok((unreferenced, only_unreferenced))
    }
}

/// Problems of sections that come in the index's order, which is another each time: the first of
/// the file, as many as are listed.
#[derive(Default)]
struct FirstWrong {
    first: BTreeMap<u64, Problem>,
    /// One of those further on, and how many they are.
    further: Option<(Problem, u64)>,
}

impl FirstWrong {
    fn add(&mut self, offset: u64, problem: Problem) {
        self.first.insert(offset, problem);
        if self.first.len() > PROBLEMS_LISTED_MAX
            && let Some((_, last)) = self.first.pop_last()
        {
            let more = self.further.take().map_or(0, |(_, more)| more);
            self.further = Some((last, more + 1));
        }
    }

    /// In the order of the file; the further ones only count.
    fn tell(self, report: &mut dyn FnMut(Problem)) {
        self.first.into_values().for_each(&mut *report);
        if let Some((problem, more)) = self.further {
            (0..more).for_each(|_| report(problem.clone()));
        }
    }
}

/// The slot of a section of which is known whether it is sound. Only blessed CIDs are told apart
/// for certain enough by the keyed hash.
fn slot(keyed: &Keyed, cid: &Cid, offset: u64, length: usize, is_sound: bool) -> Slot {
    let is_sound = is_sound && cid.blessed().is_some();
    Slot::new(keyed, cid, Place { offset, length, is_sound })
}

fn given(is_sound: bool) -> fn(Block) -> Given {
    if is_sound { Given::Sound } else { Given::Hashed }
}

/// A small file whose tree names one large block at a million places.
fn repeated_too_often(cid: &Cid, offset: u64) -> Problem {
    let message = "the tree names blocks again and again: more than several times the whole input";
    Problem::new(Code::TooLarge, message).cid(cid).offset(offset)
}
