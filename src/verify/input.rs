use crate::error::{Error, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

/// A file that can be read at any place: given as one, or spilled from a pipe.
#[derive(Clone, Debug)]
pub struct Input {
    file: Arc<File>,
    name: String,
    length: u64,
}

impl Input {
    /// Opens a file. What is not a regular file (a pipe, a terminal) is spilled to a temporary one.
    ///
    /// # Errors
    /// `Io` if it cannot be opened or read.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let doing = || format!("opening {name}");
        let file = File::open(path).map_err(|error| Error::io(doing(), error))?;
        let metadata = file.metadata().map_err(|error| Error::io(doing(), error))?;
        if metadata.is_dir() {
            let error = std::io::Error::from(std::io::ErrorKind::IsADirectory);
            return Err(Error::io(doing(), error));
        }
        if !metadata.is_file() {
            return Self::spill(file, &name);
        }
        Ok(Self { file: Arc::new(file), name, length: metadata.len() })
    }

    /// Copies everything from `from` into a temporary file without a name. `name` is for messages.
    ///
    /// # Errors
    /// `Io` if reading or writing fails.
    pub fn spill(mut from: impl Read, name: &str) -> Result<Self> {
        let doing = || format!("reading {name} into a temporary file");
        let mut file = tempfile::tempfile().map_err(|error| Error::io(doing(), error))?;
        let length =
            std::io::copy(&mut from, &mut file).map_err(|error| Error::io(doing(), error))?;
        file.flush().map_err(|error| Error::io(doing(), error))?;
        Ok(Self { file: Arc::new(file), name: name.to_owned(), length })
    }

    /// The length in bytes, as it was when it was opened.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Reads from `offset` on.
    pub(in crate::verify) fn reader_at(&self, offset: u64) -> At {
        At { input: self.clone(), position: offset }
    }

    /// Reads exactly `length` bytes at `offset`.
    pub(in crate::verify) fn read_exact_at(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        let mut buffer = vec![0; length];
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let got = self.read_at(rest, offset + filled as u64)?;
            if got == 0 {
                let error = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
                return Err(Error::io(format!("{} changed while it was read", self.name), error));
            }
            filled += got;
        }
        Ok(buffer)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        loop {
            match read_at(&self.file, buffer, offset) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(format!("reading {}", self.name), error)),
                Ok(got) => return Ok(got),
            }
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// A reader with a position of its own.
#[derive(Debug)]
pub struct At {
    input: Input,
    position: u64,
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = read_at(&self.input.file, buffer, self.position)?;
        self.position += got as u64;
        Ok(got)
    }
}

impl Seek for At {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.input.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position =
            position.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}
