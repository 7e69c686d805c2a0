//! CAR version 1: a header that names the roots, then blocks one after another.
//!
//! Bytes come in as [`Section`]s, which promise a CID and have not been checked, and leave as
//! sections. [`Section::into_block`] is the way to a block, and it hashes. The end of an input must be
//! earned: only where a section may begin is it an end, anywhere else it is `Truncated`.
//!
//! Specification: <https://ipld.io/specs/transport/car/carv1/>,
//! <https://atproto.com/specs/repository#car-file-serialization>.

mod blocks;
pub(crate) mod header;
pub(crate) mod next_section;
mod reader;
pub(crate) mod section;
pub(crate) mod varint;
pub(crate) mod writer;

pub(crate) use blocks::Blocks;
pub(crate) use header::header;
pub(crate) use next_section::{NextSection, SkippedSection};
pub use reader::Reader;
pub use section::Section;
pub(crate) use section::{parse_section, parse_whole, section_start};
pub use writer::Writer;
pub(crate) use writer::{car_of, section_len, section_of};

#[cfg(test)]
mod tests;
