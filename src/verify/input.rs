use crate::error::{Error, Result};
use bytes::Bytes;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

/// A CAR with random access: a file, a stream that was copied into a temporary file, or bytes in
/// memory. Every call that reads a CAR takes one. A clone shares the content.
///
/// ```
/// use carrack::verify::Input;
/// let mut stream = &b"from a socket"[..];
/// let spilled = Input::spill(&mut stream, "getRepo")?;
/// let held = Input::from(b"in memory".to_vec());
/// assert_eq!((spilled.length(), held.length()), (13, 9));
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Input {
    content: InputContent,
    name: String,
    length: u64,
}

#[derive(Clone, Debug)]
enum InputContent {
    File(Arc<File>),
    Bytes(Bytes),
}

impl Input {
    /// Opens a file. Pipes and other files that are not regular are copied into a temporary file.
    ///
    /// # Errors
    /// `Io` if it cannot be opened or read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
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
        Ok(Self { content: InputContent::File(Arc::new(file)), name, length: metadata.len() })
    }

    /// Copies all of `from` into a temporary file without a name. `name` stands for the input in
    /// messages.
    ///
    /// # Errors
    /// `Io` if reading or writing fails.
    pub fn spill(mut from: impl Read, name: &str) -> Result<Self> {
        let doing = || format!("reading {name} into a temporary file");
        let mut file = tempfile::tempfile().map_err(|error| Error::io(doing(), error))?;
        let length =
            std::io::copy(&mut from, &mut file).map_err(|error| Error::io(doing(), error))?;
        file.flush().map_err(|error| Error::io(doing(), error))?;
        Ok(Self { content: InputContent::File(Arc::new(file)), name: name.to_owned(), length })
    }

    /// Uses bytes in memory.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        Self { content: InputContent::Bytes(bytes), name: "bytes in memory".to_owned(), length }
    }

    /// The length in bytes when the input was opened.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// A reader that starts at `offset`.
    pub(crate) fn reader_at(&self, offset: u64) -> InputReader {
        InputReader { input: self.clone(), position: offset }
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
            match self.content.read_at(buffer, offset) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(format!("reading {}", self.name), error)),
                Ok(got) => return Ok(got),
            }
        }
    }
}

impl From<Vec<u8>> for Input {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from_bytes(bytes)
    }
}

impl From<Bytes> for Input {
    fn from(bytes: Bytes) -> Self {
        Self::from_bytes(bytes)
    }
}

impl InputContent {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        match self {
            Self::File(file) => read_at(file, buffer, offset),
            Self::Bytes(bytes) => {
                let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..));
                rest.unwrap_or_default().read(buffer)
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

/// A reader with its own position.
#[derive(Debug)]
pub struct InputReader {
    input: Input,
    position: u64,
}

impl Read for InputReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.input.content.read_at(buffer, self.position)?;
        self.position += got as u64;
        Ok(got)
    }
}

impl Seek for InputReader {
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
