//! Carrack: an embedded repository engine for the AT Protocol.
//!
//! An account's posts, likes and follows live in a signed Merkle search tree. Carrack keeps such
//! repositories in [redb](https://docs.rs/redb), proves them, and moves them between engines as
//! one verified CAR stream.
//!
//! ```
//! use carrack::engine::{Engine, List, Op, Record, WriteOptions};
//! use carrack::env::SystemRandom;
//! use carrack::ident::Did;
//! use carrack::key::{Curve, SigningKey};
//! use serde_json::json;
//!
//! // On disk: Engine::open("accounts.redb")?
//! let engine = Engine::in_memory()?;
//! let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
//! let key = SigningKey::generate(Curve::K256, &SystemRandom)?;
//! engine.create_account(&did, &key)?;
//!
//! let post = Record::from_json(&json!({"$type": "app.bsky.feed.post", "text": "ahoy"}))?;
//! let op = Op::create("app.bsky.feed.post/3jzfcijpj2z2a".parse()?, post);
//! let written = engine.write(&did, vec![op], &WriteOptions::default(), &key)?;
//! assert_eq!(engine.snapshot(&did)?.list(&List::default())?.count(), 1);
//!
//! let mut car = Vec::new();
//! assert_eq!(engine.export(&did, &mut car)?.commit, written.commit);
//! # Ok::<(), carrack::Error>(())
//! ```
//!
//! # Modules
//! | for | modules |
//! |---|---|
//! | an embedded store | [`engine`]: accounts, snapshots, writes, imports, exports, the event log, upkeep |
//! | moves and copies | [`migrate`] between two engines, [`follow`] for mirrors of a host's event stream |
//! | checks without a store | [`verify`] for archives, their records and proofs, [`tree::changes`] for differences, [`event`] for frames, [`identity`] for DID documents and PLC logs |
//! | the protocol's objects | [`block`], [`car`], [`commit`], [`tree`], [`ident`], [`key`] |
//! | errors, bounds, time | [`error`], [`limits`], [`mod@env`] |
//! | the pages of the manual | [`manual`] |
//! | plumbing outside of the version promise | [`parts`] |
//!
//! # XRPC methods
//! | method | call |
//! |---|---|
//! | `com.atproto.sync.getRepo` | [`Engine::export`], [`Engine::export_since`] |
//! | `com.atproto.sync.getRecord` | [`engine::Snapshot::proof`] |
//! | `com.atproto.sync.getBlocks` | [`engine::Snapshot::blocks`] |
//! | `com.atproto.sync.getLatestCommit`, `getRepoStatus` | [`Engine::status`] |
//! | `com.atproto.sync.subscribeRepos` | [`Engine::events`] |
//! | `com.atproto.repo.createRecord`, `putRecord`, `deleteRecord`, `applyWrites` | [`Engine::write`] |
//! | `com.atproto.repo.getRecord`, `listRecords` | [`engine::Snapshot::record`], [`engine::Snapshot::list`] |
//! | `com.atproto.repo.importRepo` | [`Engine::import`], [`Engine::apply_diff`] |
//!
//! [`manual::hosting`] has the whole table, with states and events. The repository's folder `examples/` has
//! complete programs: a verification, an embedded store, a host with axum, and a mirror of that host.
//!
//! # Features
//! - `cli` (on by default): the command line. A server turns it off with `default-features = false`.
//! - `serde`: `serde::Serialize` for results and identifiers, with the fields and words that the command
//!   line prints.
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
