//! The JSON form of the data model.
//!
//! JSON has no links and no bytes: they are `{"$link": "bafy..."}` and `{"$bytes": "base64"}`.
//! Specification: <https://atproto.com/specs/data-model#json-representation>.
//!
//! - [`from_json`] and [`to_json`] convert proper records ([`data_model`](super::data_model)), and
//!   refuse others.
//! - [`to_lossless`] gives every record a JSON form, and [`from_lossless`] turns it back into the same
//!   bytes.
//! - `parse` (feature `serde`) reads JSON text without losing anything: a key that occurs twice, and
//!   a number that is not exactly an integer, are errors.
//!
//! # What JSON or the data model lacks
//!
//! Repositories hold some records that are not proper. [`to_lossless`] writes what is improper as an
//! object with the one key `$improper`, around an object with one key:
//!
//! | key | content | for |
//! |---|---|---|
//! | `float` | the 8 bytes of the float in hexadecimal, the most significant first | a float |
//! | `integer` | the integer in decimal | an integer below -2^63 or above 2^63 - 1 |
//! | `link` | the CID as text | a link of another form than the blessed one |
//! | `map` | a list of pairs `[key, value]`, in the order of the encoding | a map that JSON would read as something else (a key `$link`, `$bytes` or `$improper`), whose `$type` is not a text or is empty, or that is a blob without its fields |
//! | `dag-cbor` | the bytes of the record in base64, without padding | a whole record that is no map, is not in canonical form, is no DRISL at all, or is nested too deeply |
//!
//! Everything else of such a record is as in any other. So a record is proper if and only if its
//! form has no key `$improper`, and each form belongs to one sequence of bytes.

mod decode;
mod encode;
mod lossless;
#[cfg(feature = "serde")]
mod parse;
#[cfg(test)]
mod tests;

pub use decode::to_json;
pub(crate) use encode::encode;
pub use encode::from_json;
pub use lossless::{from_lossless, to_lossless};
#[cfg(feature = "serde")]
pub use parse::parse;

/// The key of a link's object.
const LINK: &str = "$link";
/// The key of the object of bytes.
const BYTES: &str = "$bytes";
/// The key of the object of an improper value.
const IMPROPER: &str = "$improper";
