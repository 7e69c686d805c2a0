use crate::cli::failure::Failure;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder for stores and files that goes away with the measurement.
pub(in crate::cli) struct Scratch(TempDir);

impl Scratch {
    /// Makes it in `parent`, or where the system keeps what is temporary.
    pub(in crate::cli) fn new(parent: Option<&Path>) -> Result<Self, Failure> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
        let made = tempfile::Builder::new().prefix("carrack-bench-").tempdir_in(&parent);
        let failed =
            |error| Failure::io(format_args!("making a folder in {}", parent.display()), &error);
        made.map(Self).map_err(failed)
    }

    pub(in crate::cli) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(in crate::cli) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Removes a file early, to limit the disk space in use.
    pub(in crate::cli) fn remove(&self, name: &str) -> Result<(), Failure> {
        let path = self.file(name);
        std::fs::remove_file(&path)
            .map_err(|error| Failure::io(format_args!("removing {}", path.display()), &error))
    }

    /// Makes a file and has it written; it is on disk at the end, so that no measurement pays for
    /// what was written before it.
    pub(in crate::cli) fn write(
        &self,
        name: &str,
        write: impl FnOnce(&mut BufWriter<&File>) -> Result<(), Failure>,
    ) -> Result<PathBuf, Failure> {
        let path = self.write_unsynced(name, write)?;
        File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(|error| Failure::io(format_args!("writing {}", path.display()), &error))?;
        Ok(path)
    }

    /// The same for a file that is gone before anything is measured.
    pub(in crate::cli) fn write_unsynced(
        &self,
        name: &str,
        write: impl FnOnce(&mut BufWriter<&File>) -> Result<(), Failure>,
    ) -> Result<PathBuf, Failure> {
        let path = self.file(name);
        let failed = |error| Failure::io(format_args!("writing {}", path.display()), &error);
        let file = File::create(&path).map_err(failed)?;
        let mut output = BufWriter::with_capacity(256 * 1024, &file);
        write(&mut output)?;
        output.flush().map_err(failed)?;
        Ok(path)
    }

    /// Copies a file, in the same way.
    pub(in crate::cli) fn copy(&self, from: &str, to: &str) -> Result<(), Failure> {
        let from = self.file(from);
        let failed = |error| Failure::io(format_args!("copying {}", from.display()), &error);
        let mut file = File::open(&from).map_err(failed)?;
        self.write(to, |output| std::io::copy(&mut file, output).map(|_| ()).map_err(failed))?;
        Ok(())
    }

    /// Removes it all.
    pub(in crate::cli) fn close(self) -> Result<(), Failure> {
        let path = self.path().to_owned();
        let failed = |error| Failure::io(format_args!("removing {}", path.display()), &error);
        self.0.close().map_err(failed)
    }
}
