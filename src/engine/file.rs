//! The file of a store: how it is opened or created under its name, and removed again if nothing
//! was stored in it.

use crate::engine::core::unreadable;
use crate::engine::file_identity::{CreatedFile, FileIdentity};
use crate::engine::handle::Engine;
use crate::engine::options::Options;
use crate::error::{Entity, Error, Result};
use crate::part_file::{PartFile, follow_links, sync_folder};
use crate::store::read_table::ReadTable;
use redb::backends::FileBackend;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// How often opening starts again because the file was replaced meanwhile.
const ATTEMPTS: u32 = 16;

impl Engine {
    /// Opens the store at `path` with options. A store that is created gets its name when it is
    /// complete.
    ///
    /// # Errors
    /// As [`Engine::open`]; `NotFound` if the file does not exist and [`Options::create`] is false.
    pub fn open_with(path: impl AsRef<Path>, options: &Options) -> Result<Self> {
        let path = path.as_ref();
        for _ in 0..ATTEMPTS {
            let engine = if path.exists() {
                open_existing(path, options)?
            } else if may_create(options) {
                create(path, options)?
            } else {
                return Err(Error::NotFound(Entity::Store(path.to_owned())));
            };
            if let Some(engine) = engine {
                return Ok(engine);
            }
        }
        Err(Error::InUse)
    }

    /// Removes the store's file, if this engine created it and nothing was ever stored in it: no
    /// account and no event. Returns whether it was removed; the engine is closed then.
    ///
    /// It is for operations that create a store and are then refused. While another handle of this
    /// engine is in use, nothing is removed.
    ///
    /// ```
    /// use carrack::Engine;
    /// # let folder = tempfile::tempdir().map_err(|error| carrack::Error::Request(error.to_string()))?;
    /// # let path = folder.path().join("store.redb");
    /// assert!(Engine::open(&path)?.remove_if_unused()?);
    /// assert!(!path.exists());
    /// Engine::open(&path)?.close();
    /// // Now it was there before.
    /// assert!(!Engine::open(&path)?.remove_if_unused()?);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Io` if the file cannot be removed; [those of every read](Engine#errors-of-every-call).
    pub fn remove_if_unused(&mut self) -> Result<bool> {
        let Some(created) = &self.shared.created else { return Ok(false) };
        if Arc::strong_count(&self.shared) > 1 || !self.is_unused()? {
            return Ok(false);
        }
        // Under the lock: no other process has had it open since it was created.
        if !created.identity.is_at(&created.path) {
            return Ok(false);
        }
        let failed = |error| Error::io(format!("removing {}", created.path.display()), error);
        std::fs::remove_file(&created.path).map_err(failed)?;
        self.shared.close();
        sync_folder(&created.path).map_err(failed)?;
        Ok(true)
    }

    fn is_unused(&self) -> Result<bool> {
        Ok(self.view()?.accounts()?.len()? == 0 && self.last_seq()? == 0)
    }
}

/// `None` if the file was replaced or removed between opening and locking it: what is written to
/// it then is lost.
fn open_existing(path: &Path, options: &Options) -> Result<Option<Engine>> {
    let failed = |error| Error::io(format!("opening {}", path.display()), error);
    if options.read_only {
        require_file(path)?;
    }
    let file = match OpenOptions::new().read(true).write(!options.read_only).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed)?,
    };
    let metadata = file.metadata().map_err(failed)?;
    if !may_create(options) && metadata.len() == 0 {
        return Err(Error::Format("the file is empty".to_owned()));
    }
    let engine = Engine::open_backend(FileBackend::new(file).map_err(unreadable)?, options)?;
    Ok(FileIdentity::of(&metadata).is_at(path).then_some(engine))
}

fn may_create(options: &Options) -> bool {
    options.create && !options.read_only
}

/// Refuses what opening for reading would wait for, such as a pipe, or what cannot be read.
fn require_file(path: &Path) -> Result<()> {
    let found = path.metadata();
    match found.map_err(|error| Error::io(format!("opening {}", path.display()), error))? {
        found if found.is_file() => Ok(()),
        found if found.is_dir() => Err(Error::Format("it is a folder".to_owned())),
        _ => Err(Error::Format("it is not a regular file".to_owned())),
    }
}

/// The file gets its name when it is a store, and locked. `None` if another process was faster.
fn create(path: &Path, options: &Options) -> Result<Option<Engine>> {
    let failed = |error| Error::io(format!("creating {}", path.display()), error);
    let target = follow_links(path).and_then(std::path::absolute).map_err(failed)?;
    let part = PartFile::public(&target).map_err(failed)?;
    let file = part.reopen().map_err(failed)?;
    let identity = FileIdentity::of(&file.metadata().map_err(failed)?);
    let created = CreatedFile { path: target.clone(), identity };
    let backend = FileBackend::new(file).map_err(unreadable)?;
    let engine = Engine::open_created(backend, options, Some(created))?;
    match part.publish(&target) {
        Ok(()) => Ok(Some(engine)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(failed(error)),
    }
}
