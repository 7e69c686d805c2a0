//! CAR version 1: a header that names the roots, then blocks one after another.
//!
//! Bytes come in as [`Section`]s, which promise a CID and have not been checked, and leave as
//! sections. [`Section::into_block`] is the way to a block, and it hashes. The end of an input must be
//! earned: only where a section may begin is it an end, anywhere else it is `Truncated`.
//!
//! Specification: <https://ipld.io/specs/transport/car/carv1/>,
//! <https://atproto.com/specs/repository#car-file-serialization>.

mod blocks;
mod header;
mod next_section;
mod reader;
mod section;
pub mod varint;
mod writer;

pub(crate) use blocks::Blocks;
pub use header::header;
pub use next_section::{NextSection, SkippedSection};
pub use reader::Reader;
pub use section::{Section, parse_section};
pub(crate) use section::{parse_whole, section_start};
pub use writer::{Writer, append_section, section_len};
pub(crate) use writer::{car_of, section_of};

#[cfg(test)]
mod tests;
