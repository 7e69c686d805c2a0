//! The entities of errors, as values that a server maps to its own errors.

use crate::ident::{Cid, Did, RepoPath};
use std::fmt;
use std::path::PathBuf;

/// An entity that does not exist, or exists already.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entity {
    /// The file of a store.
    Store(PathBuf),
    /// An account.
    Account(Did),
    /// A record.
    Record(RepoPath),
    /// An event that a reader wants to start after.
    Event {
        /// Its number.
        seq: u64,
        /// The number of the last event that the store has.
        last: u64,
    },
    /// An operation in force of a did:plc log.
    Operation(Cid),
    /// A key file.
    KeyFile(PathBuf),
    /// Another file.
    File(PathBuf),
    /// Content in a storage that must be empty.
    Content,
}

impl Entity {
    /// The kind of entity, in one or two words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Store(_) => "store",
            Self::Account(_) => "account",
            Self::Record(_) => "record",
            Self::Event { .. } => "event",
            Self::Operation(_) => "standing operation",
            Self::KeyFile(_) => "key file",
            Self::File(_) => "file",
            Self::Content => "content",
        }
    }
}

impl fmt::Display for Entity {
    /// Its name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(path) | Self::KeyFile(path) | Self::File(path) => {
                fmt::Display::fmt(&path.display(), f)
            }
            Self::Account(did) => fmt::Display::fmt(did, f),
            Self::Record(path) => fmt::Display::fmt(path, f),
            Self::Event { seq, last } => write!(f, "{seq}; the last one is {last}"),
            Self::Operation(cid) => fmt::Display::fmt(cid, f),
            Self::Content => f.write_str("the storage"),
        }
    }
}

/// What a compare-and-swap compared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compared {
    /// The head of this account.
    Head(Did),
    /// The head of this account at the source of a move.
    HeadAtSource(Did),
    /// The head of this account, before and after it was checked.
    CheckedHead(Did),
    /// The record at this path.
    Record(RepoPath),
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(did) => write!(f, "head of {did}"),
            Self::HeadAtSource(did) => write!(f, "head of {did} at the source"),
            Self::CheckedHead(did) => write!(f, "head of {did} while it was checked"),
            Self::Record(path) => write!(f, "record {path}"),
        }
    }
}

/// What was prepared for an account that changed meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preparation {
    /// The account's first commit was signed.
    Creation,
    /// An archive was read.
    Import,
    /// A diff was applied.
    Diff,
    /// The account was moved here.
    Arrival,
    /// A commit was signed, again and again.
    Write {
        /// How often.
        tries: u32,
    },
}

impl fmt::Display for Preparation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Creation => f.write_str("its creation"),
            Self::Import => f.write_str("an import"),
            Self::Diff => f.write_str("a diff"),
            Self::Arrival => f.write_str("its arrival"),
            Self::Write { tries } => write!(f, "a write, in each of {tries} tries"),
        }
    }
}
