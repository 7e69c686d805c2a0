use super::report::Order;
use super::supply::{Missed, Supply, Tail};
use crate::block::{Block, Cid};
use crate::car::{Reader, Section};
use crate::error::{Code, Problem, Result};
use std::io::Read;

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
        let Some(section) = self.reader.next_section()? else { return Ok(Err(Missed::Absent)) };
        self.sections += 1;
        if section.cid() != Some(cid) {
            let message = format!("the stream gives {}, where {cid} is due", name(&section));
            return Err(Problem::new(Code::BadSection, message).offset(section.offset()).into());
        }
        Ok(section.into_block().map_err(Missed::Wrong))
    }

    fn finish(&mut self, _report: &mut dyn FnMut(Problem)) -> Result<Tail> {
        if let Some(section) = self.reader.next_section()? {
            let message = format!("the stream goes on with {} behind its end", name(&section));
            return Err(Problem::new(Code::BadSection, message).offset(section.offset()).into());
        }
        Ok(Tail {
            sections: self.sections,
            unreferenced: Some(0),
            order: Some(Order::Streaming),
            reached: self.sections,
            ..Tail::default()
        })
    }

    fn position(&self) -> u64 {
        self.reader.offset()
    }
}

fn name(section: &Section) -> String {
    section.cid().map_or_else(|| "a CID of another form".to_owned(), ToString::to_string)
}
