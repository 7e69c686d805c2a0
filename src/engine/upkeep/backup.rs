//! Copies the whole store while it is in use.

use crate::engine::core::unreadable;
use crate::engine::handle::Engine;
use crate::engine::upkeep::restore::restored;
use crate::error::{Entity, Error, Result};
use crate::ident::Rev;
use crate::limits::COPY_CACHE_BYTES;
use crate::part_file::PartFile;
use crate::progress::Progress;
use crate::store::copy::{CopyKind, copy};
use crate::store::read_table::ReadTable;
use redb::backends::FileBackend;
use redb::{Builder, Database, StorageBackend};
use std::io::ErrorKind;
use std::path::Path;

/// The result of [`Engine::backup`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BackedUp {
    /// The sequence number of the last event; 0 if there was none.
    pub last_seq: u64,
    /// The newest revision of all accounts; `None` without accounts.
    pub last_rev: Option<Rev>,
    /// The number of accounts, deleted ones included.
    pub accounts: u64,
    /// The number of repository rows.
    pub rows: u64,
    /// The number of bytes copied. The file is somewhat larger.
    pub bytes: u64,
}

impl Engine {
    /// Copies the whole store into a new file at `path`, from one snapshot, while commits continue.
    /// `progress` counts the bytes copied.
    ///
    /// The copy is a store that is marked as a backup: it can be opened, read, exported and
    /// scrubbed, and refuses writes until [`Engine::confirm_restore`]. Trees that are being removed
    /// or written are not in it. Only its owner may read the file. It is written under a name that
    /// ends in `.part` in the same folder and renamed when it is complete and on disk; a crash
    /// leaves the `.part` file, which does not open.
    ///
    /// The snapshot lives as long as the copy takes: it is the only one that may be older than
    /// [`SNAPSHOT_SECONDS_MAX`](crate::limits::SNAPSHOT_SECONDS_MAX). Pages that commits free
    /// meanwhile are not reused before the backup ends, so the store's file grows by about what is
    /// written during it, and keeps that size. [`crate::manual::backup`] explains how to restore.
    ///
    /// ```
    /// use carrack::{Engine, Progress};
    /// # let folder = tempfile::tempdir().map_err(|error| carrack::Error::Request(error.to_string()))?;
    /// # let at = |name| folder.path().join(name);
    /// let engine = Engine::open(at("store.redb"))?;
    /// engine.backup(at("backup.redb"), Progress::none())?;
    /// assert!(Engine::open(at("backup.redb"))?.unconfirmed_restore()?.is_some());
    /// assert!(engine.backup(at("backup.redb"), Progress::none()).is_err());
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Exists` if there is anything at `path`; `Io` if the file cannot be written; `Corrupt` if an
    /// account's row cannot be read; [those of every read](Engine#errors-of-every-call). No file is
    /// left then.
    pub fn backup(&self, path: impl AsRef<Path>, progress: Progress<'_>) -> Result<BackedUp> {
        into_new_file(path.as_ref(), |storage| self.backup_to(storage, progress))
    }

    /// Copies the store onto an empty storage.
    pub(crate) fn backup_to(
        &self,
        storage: impl StorageBackend,
        progress: Progress<'_>,
    ) -> Result<BackedUp> {
        let copied_to = empty_database(storage)?;
        let view = self.view()?;
        let restored = restored(&view, self.shared.clock.now_micros())?;
        let copied = copy(&view, &copied_to, CopyKind::Backup(&restored), progress)?;
        Ok(BackedUp {
            last_seq: restored.last_seq,
            last_rev: restored.last_rev,
            accounts: view.accounts()?.len()?,
            rows: copied.rows,
            bytes: copied.bytes,
        })
    }
}

/// Writes a store into a new file, which has its name when it is complete and on disk.
pub(in crate::engine) fn into_new_file<R>(
    path: &Path,
    write: impl FnOnce(FileBackend) -> Result<R>,
) -> Result<R> {
    // Checked again at the rename; checking now avoids useless work.
    if path.symlink_metadata().is_ok() {
        return Err(exists(path));
    }
    let part = PartFile::public(path).map_err(|error| failed(path, error))?;
    let file = part.reopen().map_err(|error| failed(path, error))?;
    let written = write(FileBackend::new(file).map_err(unreadable)?)?;
    part.publish(path).map_err(|error| not_named(path, error))?;
    Ok(written)
}

/// A database on an empty storage.
pub(in crate::engine) fn empty_database(storage: impl StorageBackend) -> Result<Database> {
    let length = storage.len().map_err(|error| Error::io("looking at a storage", error))?;
    if length > 0 {
        return Err(Error::Exists(Entity::Content));
    }
    let mut builder = Builder::new();
    builder.set_cache_size(COPY_CACHE_BYTES);
    builder.create_with_backend(storage).map_err(unreadable)
}

fn not_named(path: &Path, error: std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::AlreadyExists => exists(path),
        _ => failed(path, error),
    }
}

fn exists(path: &Path) -> Error {
    Error::Exists(Entity::File(path.to_owned()))
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    Error::io(format!("writing the backup {}", path.display()), error)
}
