//! DRISL, the strict CBOR of the data model.
//!
//! One value has one encoding: heads and lengths are as short as they can be, containers have
//! definite lengths, map keys are text in length-then-bytewise order, and tag 42 (a link) is the
//! only tag. Whatever differs is a [`Fault`] that says where and what.
//!
//! - [`Decoder`] reads a known shape without copying: tree nodes, commits, headers.
//! - [`check`](crate::parts::drisl::check) says whether bytes are DRISL at all, without building anything.
//! - [`Encoder`] writes values, in the order of the calls.
//! - [`decode`] and [`encode`] go by way of an [`Ipld`](ipld_core::ipld::Ipld) value.
//!
//! Specification: <https://atproto.com/specs/data-model>, <https://dasl.ing/drisl.html>.

pub(crate) mod check;
pub(crate) mod decoder;
pub(crate) mod encoder;
mod fault;
mod value;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;
pub use fault::{Fault, FaultKind};
pub(super) use value::within;
pub use value::{decode, encode};

#[cfg(test)]
mod tests;
