//! A store that no process has open, written anew without what was deleted.

use crate::engine::core::unreadable;
use crate::engine::handle::Engine;
use crate::engine::options::Options;
use crate::error::{Error, Result};
use crate::limits::COPY_CACHE_BYTES;
use crate::part_file::PartFile;
use crate::progress::Progress;
use crate::store::copy::{CopyKind, copy};
use redb::Builder;
use redb::backends::FileBackend;
use std::path::Path;
use std::time::Duration;

/// What compacting leaves out besides what no account has any more.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CompactOptions {
    /// The event log goes, which still holds records that were deleted within its retention. Numbers
    /// go on where they were; followers that are behind have to start anew.
    pub drop_events: bool,
}

impl CompactOptions {
    /// Whether the event log goes.
    #[must_use]
    pub fn drop_events(mut self, drop: bool) -> Self {
        self.drop_events = drop;
        self
    }
}

/// The size of a store's file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Compacted {
    /// Before.
    pub before: u64,
    /// After.
    pub after: u64,
}

impl Engine {
    /// Writes the store at `path` anew, so that bytes of deleted records and accounts are not in its
    /// file any more, and the file is as small as its content. No process may have the store open.
    ///
    /// Deleting a record takes it out of the repository's rows at once; its bytes stay in free pages
    /// of the file until these are used again, which may be never. This finishes the removals that
    /// are pending, copies table by table into a new file beside the old one, flushes it and renames
    /// it. Until then nothing is changed, and a crash leaves the old store (and a file whose name
    /// ends in `.part`). It needs as much free space as the content takes. The old file's blocks are
    /// given back to the file system, which may keep their content.
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
    /// As [`Engine::open`]; `RestoreUnconfirmed` for a store whose restore is not confirmed; `Corrupt` if
    /// something that is to be copied cannot be read; `Io`. The store is as it was then.
    pub fn compact(
        path: impl AsRef<Path>,
        options: &Options,
        compact: CompactOptions,
        progress: Progress<'_>,
    ) -> Result<Compacted> {
        let path = &path.as_ref().canonicalize().map_err(|error| failed(path.as_ref(), error))?;
        let engine = Self::open_with(path, &options.clone().create(false))?;
        let before = length(path)?;
        // Refuses what takes no writes: a restored store, or one that is kept in an older format.
        engine.submit(|_| Ok(()))?;
        engine.finish_removals()?;
        let part = PartFile::private(path).map_err(|error| failed(path, error))?;
        let mode = path.metadata().map_err(|error| failed(path, error))?.permissions();
        part.file().set_permissions(mode).map_err(|error| failed(path, error))?;
        let file = part.reopen().map_err(|error| failed(path, error))?;
        engine.copy_to(FileBackend::new(file).map_err(unreadable)?, compact, progress)?;
        // Under the old store's lock: no process opens it in between.
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

    /// Waits until background work has done what it can. What it cannot read is not copied either.
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

fn length(path: &Path) -> Result<u64> {
    Ok(path.metadata().map_err(|error| failed(path, error))?.len())
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    Error::io(format!("compacting {}", path.display()), error)
}
