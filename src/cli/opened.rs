//! A repository that is opened for reading its tree.

use crate::cli::account_tree::{AccountTree, HeadFacts};
use crate::cli::archive_file::open_unchecked;
use crate::cli::failure::Failure;
use crate::cli::repository::Place;
use carrack::tree::TreeReader;
use carrack::verify::Archive;

/// Of a file, whose signature is not checked, or of a store.
pub(in crate::cli) enum Opened {
    File(Archive),
    Account(AccountTree),
}

impl Opened {
    pub(in crate::cli) fn open(place: &Place) -> Result<Self, Failure> {
        Ok(match place {
            Place::File { path, did } => Self::File(open_unchecked(path, did.as_ref())?),
            Place::Account(account) => {
                Self::Account(AccountTree::open(account.open()?, account.did.clone())?)
            }
        })
    }

    pub(in crate::cli) fn tree(&self) -> &dyn TreeReader {
        match self {
            Self::File(archive) => archive,
            Self::Account(account) => account,
        }
    }

    pub(in crate::cli) fn head(&self) -> HeadFacts<'_> {
        match self {
            Self::File(archive) => {
                let commit = archive.commit();
                HeadFacts {
                    did: commit.did(),
                    rev: commit.rev().filter(|_| commit.version() >= 3),
                    commit: commit.cid(),
                    data: commit.data(),
                }
            }
            Self::Account(account) => account.head(),
        }
    }
}
