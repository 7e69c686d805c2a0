//! Gives a walk the blocks that it asks for, from a file in any order or from a stream in one.

use super::index::{INDEXED_BYTES_MAX, Index, Place};
use super::input::{At, Input};
use super::report::Order;
use crate::block::{Block, Cid};
use crate::car::{Frame, Reader, parse_section};
use crate::error::{Code, Error, Problem, Result};
use std::collections::HashSet;
use std::io::Read;

/// Where a walk's blocks come from.
pub trait Supply {
    /// The roots that the header names.
    fn roots(&self) -> &[Cid];

    /// The block with this CID, hashed.
    ///
    /// # Errors
    /// `Err` if reading fails; [`Missed`] within `Ok` if the input does not give the block.
    fn want(&mut self, cid: &Cid) -> Result<Result<Block, Missed>>;

    /// Reads what nobody asked for, and sums up.
    ///
    /// # Errors
    /// If reading fails.
    fn finish(&mut self, problems: &mut dyn FnMut(Problem)) -> Result<Tail>;

    /// Bytes read so far, for progress.
    fn position(&self) -> u64;
}

/// Why a block is not to be had.
#[derive(Clone, Debug)]
pub enum Missed {
    /// No section has this CID.
    Absent,
    /// A section has it, and something is wrong with that.
    Wrong(Problem),
}

/// What is known when everything has been read.
#[derive(Clone, Debug)]
pub struct Tail {
    /// Sections in the input.
    pub sections: u64,
    /// Distinct CIDs of sections that nobody asked for.
    pub unreferenced: u64,
    /// The order of the sections.
    pub order: Order,
}

/// How many times its own length an input may be read for blocks that the tree names repeatedly,
/// and how many bytes in any case: honest repositories repeat little, and only small records.
const REPEATED_FACTOR: u64 = 4;
const REPEATED_BYTES: u64 = 64 << 20;

/// Blocks from a file. As long as they come in the order of the walk, none of them is kept; at
/// the first that does not, the file is indexed.
pub struct FileSupply {
    input: Input,
    reader: Reader<At>,
    roots: Vec<Cid>,
    next: Option<Frame>,
    /// Where the sections that came in order end.
    in_order: u64,
    streaming: bool,
    sections: u64,
    /// What broke off the reading of sections.
    broken: Option<Problem>,
    index: Option<Index>,
    /// Bytes that may still be given a second time.
    repeatable: u64,
}

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
        let repeatable = input.length().saturating_mul(REPEATED_FACTOR) + REPEATED_BYTES;
        let reader = Reader::new(input.reader_at(0))?;
        let roots = reader.roots().to_vec();
        let in_order = reader.offset();
        Ok(Self {
            input,
            reader,
            roots,
            next: None,
            in_order,
            streaming: true,
            sections: 0,
            broken: None,
            index: None,
            repeatable,
        })
    }

    /// The next section in the file, or `None` at the end or behind a break.
    fn peek(&mut self) -> Result<Option<&Frame>> {
        if self.next.is_none() && self.broken.is_none() {
            match self.reader.next_frame() {
                Ok(frame) => self.next = frame,
                Err(Error::Problem(problem)) => self.broken = Some(*problem),
                Err(error) => return Err(error),
            }
        }
        Ok(self.next.as_ref())
    }

    /// Reads the lengths and CIDs of all sections, whose contents are looked at when asked for.
    fn build_index(&mut self) -> Result<()> {
        let mut index = Index::new();
        let mut reader = Reader::new(self.input.reader_at(0))?;
        loop {
            match reader.next_frame() {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    let place = Place { offset: frame.offset, length: frame.length };
                    index.push(&frame.cid, place);
                    self.sections += 1;
                }
                Err(Error::Problem(problem)) => {
                    self.broken = Some(*problem);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        index.sort();
        index.take_before(self.in_order);
        self.next = None;
        self.index = Some(index);
        Ok(())
    }

    fn look_up(&mut self, cid: &Cid) -> Result<Result<Block, Missed>> {
        let Some(index) = &mut self.index else { return Ok(Err(Missed::Absent)) };
        let range = index.candidates(cid);
        let due = index.at_offset(range.clone(), self.in_order);
        for slot in due.into_iter().chain(range) {
            let Some(place) = index.place(slot) else { continue };
            let frame = read_section(&self.input, place)?;
            if frame.cid != *cid {
                continue;
            }
            let was_taken = index.take(slot);
            if was_taken {
                let Some(left) = self.repeatable.checked_sub(place.length as u64) else {
                    return Ok(Err(Missed::Wrong(repeated_too_often(cid, place.offset))));
                };
                self.repeatable = left;
            }
            if place.offset == self.in_order {
                self.in_order += place.length as u64;
            } else if !was_taken {
                self.streaming = false;
            }
            return Ok(frame.into_block().map_err(Missed::Wrong));
        }
        Ok(Err(Missed::Absent))
    }

    /// Hashes the sections that nobody asked for, and counts their CIDs.
    fn check_untaken(&self, index: &Index, report: &mut dyn FnMut(Problem)) -> Result<(u64, bool)> {
        let (mut unreferenced, mut only_unreferenced) = (0, true);
        for (slots, taken) in index.untaken() {
            let taken_cid = match taken.and_then(|slot| index.place(slot)) {
                Some(place) => Some(read_section(&self.input, place)?.cid),
                None => None,
            };
            let mut seen = HashSet::new();
            for slot in slots {
                let Some(place) = index.place(slot) else { continue };
                let frame = read_section(&self.input, place)?;
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

impl Supply for FileSupply {
    fn roots(&self) -> &[Cid] {
        &self.roots
    }

    fn want(&mut self, cid: &Cid) -> Result<Result<Block, Missed>> {
        if self.index.is_none() {
            if self.peek()?.is_some_and(|next| next.cid == *cid)
                && let Some(frame) = self.next.take()
            {
                self.sections += 1;
                self.in_order = frame.offset + frame.length as u64;
                return Ok(frame.into_block().map_err(Missed::Wrong));
            }
            self.sections = 0;
            self.build_index()?;
        }
        self.look_up(cid)
    }

    fn finish(&mut self, report: &mut dyn FnMut(Problem)) -> Result<Tail> {
        if self.index.is_none() && self.peek()?.is_some() {
            self.sections = 0;
            self.build_index()?;
        }
        let (unreferenced, only_unreferenced) = match &self.index {
            Some(index) => self.check_untaken(index, report)?,
            None => (0, true),
        };
        if let Some(problem) = self.broken.take() {
            report(problem);
        }
        let streaming = self.streaming && only_unreferenced;
        let order = if streaming { Order::Streaming } else { Order::Other };
        Ok(Tail { sections: self.sections, unreferenced, order })
    }

    fn position(&self) -> u64 {
        self.in_order
    }
}

/// A small file whose tree names one large block at a million places.
fn repeated_too_often(cid: &Cid, offset: u64) -> Problem {
    let message = "the tree names blocks again and again: more than several times the whole input";
    Problem::new(Code::TooLarge, message).cid(cid).offset(offset)
}

fn read_section(input: &Input, place: Place) -> Result<Frame> {
    let bytes = input.read_exact_at(place.offset, place.length)?;
    Ok(parse_section(&bytes.into(), place.offset)?)
}

/// Blocks from a stream that has to be in streaming order, as an engine sends it: nothing is
/// kept, and anything else than the block that is due ends it.
pub struct StreamSupply<R> {
    reader: Reader<R>,
    sections: u64,
}

impl<R: Read> StreamSupply<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// `NotACar`, `Truncated`, or a failure to read.
    pub fn new(input: R) -> Result<Self> {
        Ok(Self { reader: Reader::new(input)?, sections: 0 })
    }
}

impl<R: Read> Supply for StreamSupply<R> {
    fn roots(&self) -> &[Cid] {
        self.reader.roots()
    }

    fn want(&mut self, cid: &Cid) -> Result<Result<Block, Missed>> {
        let Some(frame) = self.reader.next_frame()? else { return Ok(Err(Missed::Absent)) };
        self.sections += 1;
        if frame.cid != *cid {
            let message = format!("the stream gives {}, where {cid} is due", frame.cid);
            return Err(Problem::new(Code::BadSection, message).offset(frame.offset).into());
        }
        Ok(frame.into_block().map_err(Missed::Wrong))
    }

    fn finish(&mut self, _report: &mut dyn FnMut(Problem)) -> Result<Tail> {
        if let Some(frame) = self.reader.next_frame()? {
            let message = format!("the stream goes on with {} behind its end", frame.cid);
            return Err(Problem::new(Code::BadSection, message).offset(frame.offset).into());
        }
        Ok(Tail { sections: self.sections, unreferenced: 0, order: Order::Streaming })
    }

    fn position(&self) -> u64 {
        self.reader.offset()
    }
}
