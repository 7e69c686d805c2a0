use crate::block::{Block, Cid};
use crate::car::{NextSection, Reader};
use crate::error::Result;
use crate::problem::{Code, Problem};
use crate::verify::block_source::{BlockSource, Missing, Totals};
use crate::verify::report::Order;
use std::io::Read;

/// A source that reads a stream in streaming order, as an engine writes it. It keeps no blocks, and
/// ends at the first block out of order.
pub struct StreamSource<R> {
    reader: Reader<R>,
    sections: u64,
}

impl<R: Read> StreamSource<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// `Problem` with `NotACar` or `Truncated`; `Io` if reading fails.
    pub fn new(input: R) -> Result<Self> {
        Ok(Self { reader: Reader::new(input)?, sections: 0 })
    }
}

impl<R: Read> BlockSource for StreamSource<R> {
    fn roots(&self) -> &[Cid] {
        self.reader.roots()
    }

    fn want(&mut self, cid: &Cid) -> Result<Result<Block, Missing>> {
        let Some(section) = self.reader.next_or_skipped()? else { return Ok(Err(Missing::Absent)) };
        self.sections += 1;
        if section.cid() != Some(cid) {
            let message = format!("the stream gives {}, where {cid} is due", name(&section));
            return Err(Problem::new(Code::BadSection, message).offset(section.offset()).into());
        }
        Ok(section.into_block().map_err(Missing::Wrong))
    }

    fn finish(&mut self, _report: &mut dyn FnMut(Problem)) -> Result<Totals> {
        if let Some(section) = self.reader.next_or_skipped()? {
            let message = format!("the stream goes on with {} behind its end", name(&section));
            return Err(Problem::new(Code::BadSection, message).offset(section.offset()).into());
        }
        Ok(Totals {
            sections: self.sections,
            unreferenced: Some(0),
            order: Some(Order::Streaming),
            reached: self.sections,
            ..Totals::default()
        })
    }

    fn position(&self) -> u64 {
        self.reader.offset()
    }
}

fn name(section: &NextSection) -> String {
    section.cid().map_or_else(|| "a CID of another form".to_owned(), ToString::to_string)
}
