//! Carrack: an embedded repository engine for the AT Protocol.
//!
//! An account's posts, likes and follows live in a signed Merkle search tree. Carrack keeps such
//! repositories in [redb](https://docs.rs/redb), proves them, and moves them between engines as
//! one verified CAR stream.
//!
//! [`Engine`] is the place to start. [`manual`] has the pages on concepts and on the command line, and
//! [`manual::hosting`] lists which call answers which XRPC method. The repository's folder `examples/` has
//! complete programs: a verification, an embedded store, a host with axum, and a mirror of that host.
//!
//! Features: `cli` (on by default) is the command line, and `serde` implements `serde::Serialize` for
//! results and identifiers, with the fields and words that the command line prints.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod account;
pub mod block;
pub mod car;
pub mod commit;
pub mod engine;
pub mod env;
pub mod error;
pub mod event;
pub mod follow;
pub mod ident;
pub mod identity;
pub mod key;
pub mod limits;
pub mod manual;
pub mod migrate;
mod part_file;
pub mod parts;
mod problem;
mod progress;
#[cfg(feature = "serde")]
mod serialize;
mod store;
pub mod tree;
pub mod verify;

pub use engine::Engine;
pub use error::{Error, ErrorKind, Result};
pub use problem::{Code, Problem, Problems};
pub use progress::Progress;

/// The examples of the README, kept working.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
