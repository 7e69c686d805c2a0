//! What a proper record is.
//!
//! One walk over the bytes decides it, for what is written, for the warnings about what comes in,
//! and for the JSON form of what is read. A proper record is one map in DRISL
//! ([`drisl`](crate::block::drisl)), without floats, in which
//!
//! - integers have 64 bits with a sign: -2^63 to 2^63 - 1;
//! - links are CIDs of the blessed form: version 1, codec dag-cbor or raw, SHA-256;
//! - no map has a key `$link` or `$bytes`, which JSON reads as a link or bytes, or `$improper`, which
//!   [`json::to_lossless`](crate::block::json::to_lossless) writes;
//! - `$type`, where a map has one, is a text that is not empty;
//! - a map whose `$type` is `blob` has a `ref` that links to a raw block, a `mimeType` that is not
//!   empty, and a `size` above 0.
//!
//! A blob of the legacy form (a map of just `cid` and `mimeType`) may be read, but not written:
//! [`check_new`] refuses it, [`check`] does not.
//!
//! Specification: <https://atproto.com/specs/data-model>.

mod check;
mod path;
mod rules;

pub(super) use check::improper_values;
pub(crate) use check::warning;
pub use check::{check, check_new};
pub(super) use path::{PathFromEnd, Step};
