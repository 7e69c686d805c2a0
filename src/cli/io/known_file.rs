use crate::cli::failure::Failure;
use carrack::key::key_file;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The first bytes of the database's files.
const DATABASE_MAGIC: &[u8] = b"redb";

/// A file that holds what exists nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum KnownFile {
    /// It begins like a database.
    Store,
    /// It begins like a key file.
    Key,
}

impl KnownFile {
    /// What a file is; `None` for any other. Only regular files are looked into.
    pub(in crate::cli) fn of(path: &Path) -> io::Result<Option<Self>> {
        if !path.metadata()?.is_file() {
            return Ok(None);
        }
        let mut start = Vec::new();
        File::open(path)?.take(key_file::MAGIC.len() as u64).read_to_end(&mut start)?;
        Ok(if start.starts_with(DATABASE_MAGIC) {
            Some(Self::Store)
        } else if start.starts_with(key_file::MAGIC) {
            Some(Self::Key)
        } else {
            None
        })
    }

    /// The same of a file that may not be there.
    pub(in crate::cli) fn at(path: &Path) -> io::Result<Option<Self>> {
        match Self::of(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            known => known,
        }
    }

    /// What it is called in messages.
    pub(in crate::cli) fn name(self) -> &'static str {
        match self {
            Self::Store => "a store",
            Self::Key => "a key file",
        }
    }
}

/// Refuses to replace a file that holds what exists nowhere else.
pub(in crate::cli) fn refuse_protected(path: &Path) -> Result<(), Failure> {
    let name = path.display();
    match KnownFile::at(path) {
        Ok(None) => Ok(()),
        Ok(Some(known)) => Err(Failure::unusable(format!(
            "{name} is {}, which no output replaces: choose another name, or move it away",
            known.name()
        ))),
        Err(error) => Err(Failure::unusable(format!(
            "{name} is there and cannot be read ({error}), so it could be a store or a key file: \
             choose another name, or move it away"
        ))),
    }
}
