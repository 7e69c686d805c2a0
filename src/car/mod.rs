//! CAR version 1: a header that names the roots, then blocks one after another.
//!
//! Bytes come in as [`Frame`]s, which promise a CID and have not been checked, and leave as
//! sections. [`Frame::into_block`] is the way to a block, and it hashes. The end of an input must be
//! earned: only where a section may begin is it an end, anywhere else it is `Truncated`.
//!
//! Specification: <https://ipld.io/specs/transport/car/carv1/>,
//! <https://atproto.com/specs/repository#car-file-serialization>.

mod blocks;
mod frame;
mod header;
mod reader;
mod section;
pub mod varint;
mod writer;

pub(crate) use blocks::Blocks;
pub(crate) use frame::section_start;
pub use frame::{Frame, parse_section};
pub use header::header;
pub use reader::Reader;
pub use section::{Passed, Section};
pub use writer::{Writer, append_section, section_len};

#[cfg(test)]
mod tests;
