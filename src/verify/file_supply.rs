//! Gives a walk the blocks that it asks for from a file, whatever the order of its sections.

use super::ahead::Ahead;
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
use std::collections::HashSet;
use std::sync::Arc;

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
    /// Where the sections that came in order end.
    in_order: u64,
    streaming: bool,
    count: u64,
    given: u64,
    /// What broke off the reading of sections.
    broken: Option<Problem>,
    skips_records: bool,
    indexed: Option<Indexed>,
}

/// What there is of a file that is not in streaming order.
struct Indexed {
    source: Source,
    taken: Taken,
    /// Bytes that may still be given a second time.
    repeatable: u64,
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
        let in_order = reader.offset();
        Ok(Self {
            sections: Sections::new(&input, reader),
            input,
            roots,
            next: None,
            in_order,
            streaming: true,
            count: 0,
            given: in_order,
            broken: None,
            skips_records: false,
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
            self.given += section.length as u64;
            self.in_order = section.offset + section.length as u64;
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
        let keyed = Keyed::new();
        // Who wants the records has all of them hashed as they are fetched.
        let hash = self.skips_records;
        let (slots, broken) = each_section(&self.input, |frame| slot_of(&keyed, frame, hash))?;
        self.broken = broken;
        self.count = slots.len() as u64;
        let index = Arc::new(Index::new(keyed, slots));
        Ok(Indexed {
            taken: Taken::before(&index, self.in_order),
            source: Source { input: self.input.clone(), index, with_records: !self.skips_records },
            repeatable: self.input.length().saturating_mul(REPEATED_FACTOR) + REPEATED_BYTES,
            ahead: None,
            fetched: 0,
            tries: if self.input.length() < THREAD_BYTES { 0 } else { TRIES },
        })
    }

    /// Notes that the walk has been given a section, and refuses what it names too often.
    fn give(&mut self, cid: &Cid, at: At) -> Result<(), Missed> {
        let Some(indexed) = &mut self.indexed else { return Ok(()) };
        let (offset, length) = (at.place.offset, at.place.length as u64);
        self.given += length;
        let was_taken = indexed.taken.take(at.slot);
        if was_taken {
            let Some(left) = indexed.repeatable.checked_sub(length) else {
                return Err(Missed::Wrong(repeated_too_often(cid, offset)));
            };
            indexed.repeatable = left;
        }
        if offset == self.in_order {
            self.in_order += length;
        } else if !was_taken {
            self.streaming = false;
        }
        Ok(())
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
        let in_order = self.in_order;
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
        let streaming = self.streaming && only_unreferenced;
        let order = if streaming { Order::Streaming } else { Order::Other };
        Ok(Tail { sections: self.count, unreferenced, order })
    }

    fn position(&self) -> u64 {
        self.given
    }
}

impl Indexed {
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
        for (slots, taken) in self.taken.rest(index) {
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
                    report(problem);
                }
            }
        }
        Ok((unreferenced, only_unreferenced))
    }
}

fn slot_of(keyed: &Keyed, frame: Frame, hash: bool) -> Slot {
    let (offset, length, cid) = (frame.offset, frame.length, frame.cid.clone());
    // Only of blessed CIDs the keyed hash is known to tell them apart.
    let is_sound = hash && cid.blessed().is_some() && Section::hash(frame).is_sound;
    Slot::new(keyed, &cid, Place { offset, length, is_sound })
}

fn given(is_sound: bool) -> fn(Block) -> Given {
    if is_sound { Given::Sound } else { Given::Hashed }
}

/// A small file whose tree names one large block at a million places.
fn repeated_too_often(cid: &Cid, offset: u64) -> Problem {
    let message = "the tree names blocks again and again: more than several times the whole input";
    Problem::new(Code::TooLarge, message).cid(cid).offset(offset)
}
