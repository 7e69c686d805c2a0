//! `events --frames`: each frame in a file of its own. A file that is there is never overwritten.

use crate::cli::failure::Failure;
use crate::cli::io::input::is_standard;
use carrack::parts::files::{PartFile, sync_folder};
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// The folder of the frames.
pub(in crate::cli) struct FrameFolder(PathBuf);

impl FrameFolder {
    /// The folder, which is created.
    pub(in crate::cli) fn create(folder: &Path) -> Result<Self, Failure> {
        if is_standard(folder) {
            return Err(Failure::unusable("--frames needs the name of a folder"));
        }
        if folder.exists() && !folder.is_dir() {
            return Err(Failure::unusable(format!("{} is not a folder", folder.display())));
        }
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
        Ok(Self(folder.to_owned()))
    }

    /// Whether no file is in it.
    pub(in crate::cli) fn is_empty(&self) -> Result<bool, Failure> {
        let mut entries = std::fs::read_dir(&self.0).map_err(|error| failed(&self.0, &error))?;
        Ok(entries.next().is_none())
    }

    /// Whether the frame is there. Anything else under its name is refused.
    pub(in crate::cli) fn holds(&self, seq: u64, frame: &[u8]) -> Result<bool, Failure> {
        let path = self.path(seq);
        match path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed(&path, &error)),
            Ok(_) if is_content(&path, frame).map_err(|error| failed(&path, &error))? => Ok(true),
            Ok(_) => Err(taken(&path)),
        }
    }

    /// Writes a frame, unless it is there.
    pub(in crate::cli) fn write(&self, seq: u64, frame: &[u8]) -> Result<(), Failure> {
        if self.holds(seq, frame)? {
            return Ok(());
        }
        let path = self.path(seq);
        let part = PartFile::public(&path).map_err(|error| failed(&path, &error))?;
        part.file().write_all(frame).map_err(|error| failed(&path, &error))?;
        part.publish_one_of_many(&path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => taken(&path),
            _ => failed(&path, &error),
        })
    }

    /// Makes the names of all files durable.
    pub(in crate::cli) fn end(self) -> Result<(), Failure> {
        sync_folder(&self.path(0)).map_err(|error| failed(&self.0, &error))
    }

    /// Numbers have as many digits as the largest takes, so that names sort as numbers do.
    fn path(&self, seq: u64) -> PathBuf {
        self.0.join(format!("{seq:020}.bin"))
    }
}

fn is_content(path: &Path, bytes: &[u8]) -> Result<bool, Error> {
    // Reading a pipe could wait for ever.
    if !path.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Ok(false);
    }
    let mut held = Vec::new();
    File::open(path)?.take(bytes.len() as u64 + 1).read_to_end(&mut held)?;
    Ok(held == bytes)
}

fn taken(path: &Path) -> Failure {
    Failure::unusable(format!(
        "{} is there and is not this frame, but another store's perhaps; nothing is overwritten: \
         choose another folder",
        path.display()
    ))
}

fn failed(path: &Path, error: &Error) -> Failure {
    Failure::io(format_args!("writing {}", path.display()), error)
}
