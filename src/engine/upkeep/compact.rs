//! Rewrites a closed store without deleted data.

use crate::engine::core::unreadable;
use crate::engine::handle::Engine;
use crate::engine::options::Options;
use crate::error::{Error, Result};
use crate::limits::COPY_CACHE_BYTES;
use crate::part_file::{PartFile, folder_of};
use crate::progress::Progress;
use crate::store::copy::{CopyKind, copy};
use redb::Builder;
use redb::backends::FileBackend;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

/// In the name of a file that is being written, so that a later call can recognize it.
const PART_WORD: &str = "compact-";

/// Options of [`Engine::compact`].
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CompactOptions {
    /// Whether to drop the event log, which still holds records that were deleted within its
    /// retention. Sequence numbers continue; followers that are behind have to start again.
    pub drop_events: bool,
}

impl CompactOptions {
    /// Sets whether to drop the event log.
    #[must_use]
    pub fn drop_events(mut self, drop: bool) -> Self {
        self.drop_events = drop;
        self
    }
}

/// The size of a store's file before and after, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Compacted {
    /// The size before, in bytes.
    pub before: u64,
    /// The size after, in bytes.
    pub after: u64,
}

impl Engine {
    /// Rewrites the store at `path`, so that its file holds no bytes of deleted records and
    /// accounts and is as small as its content. No process may have the store open.
    ///
    /// Deleting a record removes its row; its bytes stay in free pages of the file until those are
    /// reused, which may be never. This call finishes pending removals, copies table by table into
    /// a new file in the same folder, flushes it and renames it. Nothing changes before the rename,
    /// and a crash leaves the old store, and a file named `STORE.compact-….part`, which the next
    /// call removes. It needs as much free space as the content takes. The file system may keep the
    /// content of the old file's blocks.
    ///
    /// `progress` counts the bytes copied.
    ///
    /// ```
    /// use carrack::Progress;
    /// use carrack::engine::{CompactOptions, Engine, Options};
    /// # let folder = tempfile::tempdir().map_err(|error| carrack::Error::Request(error.to_string()))?;
    /// # let path = folder.path().join("store.redb");
    /// Engine::open(&path)?.close();
    /// let done = Engine::compact(&path, &Options::default(), CompactOptions::default(), Progress::none())?;
    /// assert!(done.after <= done.before);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Engine::open`]; `NotFound` if there is no store; `RestoreUnconfirmed` in a restored
    /// store whose restore is not confirmed; `ReadOnly` if the options allow no write; `Corrupt`
    /// if data to be copied cannot be read; `Io` if the new file cannot be written. The store is
    /// unchanged then.
    pub fn compact(
        path: impl AsRef<Path>,
        options: &Options,
        compact: CompactOptions,
        progress: Progress<'_>,
    ) -> Result<Compacted> {
        let path = &path.as_ref().canonicalize().map_err(|error| failed(path.as_ref(), error))?;
        let engine = Self::open_with(path, &options.clone().create(false))?;
        let before = length(path)?;
        // Refuses a store that takes no writes: a restored one, or one that is kept in an older
        // format.
        engine.submit(|_| Ok(()))?;
        // Under the lock of the store, so that no other process is writing them.
        remove_leftovers(path).map_err(|error| failed(path, error))?;
        engine.finish_removals()?;
        let part = PartFile::private_for(path, PART_WORD).map_err(|error| failed(path, error))?;
        let mode = path.metadata().map_err(|error| failed(path, error))?.permissions();
        part.file().set_permissions(mode).map_err(|error| failed(path, error))?;
        let file = part.reopen().map_err(|error| failed(path, error))?;
        engine.copy_to(FileBackend::new(file).map_err(unreadable)?, compact, progress)?;
        // Under the old store's lock, so that no process opens it in between.
        part.replace(path).map_err(|error| failed(path, error))?;
        engine.close();
        Ok(Compacted { before, after: length(path)? })
    }

    fn copy_to(
        &self,
        storage: FileBackend,
        compact: CompactOptions,
        progress: Progress<'_>,
    ) -> Result<()> {
        let mut builder = Builder::new();
        builder.set_cache_size(COPY_CACHE_BYTES);
        let copied_to = builder.create_with_backend(storage).map_err(unreadable)?;
        let kind = CopyKind::Same { with_events: !compact.drop_events };
        copy(&self.view()?, &copied_to, kind, progress)?;
        Ok(copied_to.close()?)
    }

    /// Waits until background removals have ended. What they cannot read is not copied either.
    fn finish_removals(&self) -> Result<()> {
        loop {
            let core = self.core()?;
            if core.writer.is_idle() {
                return Ok(());
            }
            core.check_writes()?;
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Removes what earlier calls left that were killed.
fn remove_leftovers(path: &Path) -> std::io::Result<()> {
    let Some(name) = path.file_name() else { return Ok(()) };
    for entry in std::fs::read_dir(folder_of(path))? {
        let entry = entry?;
        if is_leftover(&entry.file_name(), name) && entry.file_type()?.is_file() {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether a file was being written by a compaction of the store `name`.
fn is_leftover(file: &OsStr, name: &OsStr) -> bool {
    let rest = file.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
    let rest = rest.and_then(|rest| rest.strip_prefix(b"."));
    let rest = rest.and_then(|rest| rest.strip_prefix(PART_WORD.as_bytes()));
    let random = rest.and_then(|rest| rest.strip_suffix(b".part"));
    random.is_some_and(|random| random.len() == 6 && random.iter().all(u8::is_ascii_alphanumeric))
}

fn length(path: &Path) -> Result<u64> {
    Ok(path.metadata().map_err(|error| failed(path, error))?.len())
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    Error::io(format!("compacting {}", path.display()), error)
}
