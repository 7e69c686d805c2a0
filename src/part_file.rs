//! Files that are complete and on disk, or absent.

use std::fs::{File, Permissions};
use std::io::{ErrorKind, Result};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// The longest name of a file that is put in front of a temporary name, in bytes: file systems
/// allow 255 for both.
const NAME_BYTES_MAX: usize = 200;
/// As many symbolic links as systems follow.
const LINKS_MAX: usize = 40;

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
        Self::create(path, "", None)
    }

    /// The same, with a word in its name that tells what it is for.
    pub(crate) fn private_for(path: &Path, word: &str) -> Result<Self> {
        Self::create(path, word, None)
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
        Self::create(path, "", permissions)
    }

    fn create(path: &Path, word: &str, permissions: Option<Permissions>) -> Result<Self> {
        let mut prefix = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned();
        if prefix.len() > NAME_BYTES_MAX {
            prefix = "carrack".into();
        }
        prefix.push(".");
        prefix.push(word);
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
        self.publish_one_of_many(path)?;
        sync_folder(path)
    }

    /// The same, but the name is not durable before [`sync_folder`]: for many files in a folder.
    ///
    /// # Errors
    /// As [`PartFile::publish`].
    pub fn publish_one_of_many(self, path: &Path) -> Result<()> {
        self.file().sync_all()?;
        self.0.persist_noclobber(path)?;
        Ok(())
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

/// The place that a path names: what a symbolic link points at, even if nothing is there.
///
/// # Errors
/// The links lead in a circle.
pub fn follow_links(path: &Path) -> Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        match std::fs::read_link(&path) {
            Ok(target) => path = folder_of(&path).join(target),
            // No link, or nothing at all.
            Err(_) => return Ok(path),
        }
    }
    Err(std::io::Error::other("too many symbolic links"))
}

/// The folder of a file.
pub fn folder_of(path: &Path) -> &Path {
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

    #[test]
    fn a_long_name_leaves_space_for_the_temporary_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n".repeat(255));
        PartFile::public(&path).unwrap().publish(&path).unwrap();
        assert!(path.is_file());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_to_where_nothing_is() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink("b", at("a")).unwrap();
        symlink(at("none"), at("b")).unwrap();
        assert_eq!(follow_links(&at("a")).unwrap(), at("none"));
        assert_eq!(follow_links(&at("c")).unwrap(), at("c"));
        symlink("circle", at("circle")).unwrap();
        assert!(follow_links(&at("circle")).is_err());
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
