//! Files that are complete and on disk, or absent.

use std::fs::{File, Permissions};
use std::io::{ErrorKind, Result};
use std::path::Path;
use tempfile::{Builder, NamedTempFile};

/// A new file beside the one that it will be, under a name of its own that ends in `.part`. It is
/// removed unless it gets the other name.
#[derive(Debug)]
pub struct PartFile(NamedTempFile);

impl PartFile {
    /// A file that only its owner may read.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn private(path: &Path) -> Result<Self> {
        Self::create(path, None)
    }

    /// A file with the permissions that new files have.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn public(path: &Path) -> Result<Self> {
        #[cfg(unix)]
        let permissions = Some(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        #[cfg(not(unix))]
        let permissions = None;
        Self::create(path, permissions)
    }

    fn create(path: &Path, permissions: Option<Permissions>) -> Result<Self> {
        let mut prefix = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned();
        prefix.push(".");
        let mut builder = Builder::new();
        builder.prefix(&prefix).suffix(".part");
        if let Some(permissions) = permissions {
            // Less what the process masks.
            builder.permissions(permissions);
        }
        builder.tempfile_in(folder_of(path)).map(Self)
    }

    /// The file.
    pub fn file(&self) -> &File {
        self.0.as_file()
    }

    /// The file, opened once more.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn reopen(&self) -> Result<File> {
        self.0.reopen()
    }

    /// Makes it durable and gives it the name, in place of what has that name.
    ///
    /// # Errors
    /// It cannot be flushed or renamed.
    pub fn replace(self, path: &Path) -> Result<()> {
        self.file().sync_all()?;
        self.0.persist(path)?;
        sync_folder(path)
    }

    /// Makes it durable and gives it the name, if nothing has that name.
    ///
    /// # Errors
    /// `AlreadyExists`; or it cannot be flushed or renamed.
    pub fn publish(self, path: &Path) -> Result<()> {
        self.file().sync_all()?;
        self.0.persist_noclobber(path)?;
        sync_folder(path)
    }
}

/// Flushes the folder of a new file to disk: until then a crash can lose the file's name.
///
/// # Errors
/// The folder cannot be opened or flushed.
pub fn sync_folder(path: &Path) -> Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_gets_its_name_or_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        drop(PartFile::private(&path).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        for text in ["one", "two"] {
            let part = PartFile::private(&path).unwrap();
            part.file().write_all(text.as_bytes()).unwrap();
            part.replace(&path).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        let error = PartFile::private(&path).unwrap().publish(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(PartFile::private(Path::new("..")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_new_files_or_of_secrets() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mode = |file: &File| file.metadata().unwrap().mode() & 0o777;
        let usual = mode(&File::create(&path).unwrap());
        assert_eq!(mode(PartFile::public(&path).unwrap().file()), usual);
        assert_eq!(mode(PartFile::private(&path).unwrap().file()), 0o600);
    }
}
