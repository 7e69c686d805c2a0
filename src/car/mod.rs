//! CAR version 1: a header that names the roots, then blocks one after another.
//!
//! Input is read as [`Section`]s, whose CIDs have not been checked. [`Section::into_block`] hashes
//! a section and returns a block. An input may end only where a section may begin; anywhere else it
//! is `Truncated`.
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
