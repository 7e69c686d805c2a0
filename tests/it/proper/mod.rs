//! One data model: what is written, what is warned of and what is read agree on which records are
//! proper, and every record can be read without loss. Holds guarantee G39, holds guarantee G40.
//!
//! The checker in `model` is written from the specification, over values of its own.

mod model;
mod random;
mod vectors;
