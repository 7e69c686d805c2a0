use super::header::header;
use super::varint;
use crate::block::Block;
use crate::block::Cid;
use crate::error::{Error, Result};
use crate::limits::{CAR_ROOTS_MAX, SECTION_BYTES_MAX};
use bytes::Bytes;
use std::borrow::Cow;
use std::io::{self, Write};

/// The buffer is written out at this many bytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// Writes a CAR: the header, then sections in the order in which they are given.
///
/// It buffers small sections, so the output needs no `BufWriter`; call [`Writer::finish`], or what
/// was buffered is lost. After a failed write it stays failed, since part of a section may be out.
/// For an example see [`Reader`](super::Reader).
#[derive(Debug)]
#[must_use = "without `finish` the end of the file is missing"]
pub struct Writer<W> {
    output: W,
    buffer: Vec<u8>,
    bytes_written: u64,
    failure: Option<io::ErrorKind>,
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// `Limit` for more than 64 roots; `Io`.
    pub fn new(output: W, roots: &[Cid]) -> Result<Self> {
        if roots.len() > CAR_ROOTS_MAX {
            let (limit, got) = (CAR_ROOTS_MAX as u64, roots.len() as u64);
            return Err(Error::Limit { what: "roots of a CAR", limit, got });
        }
        let buffer = header(roots);
        let bytes_written = buffer.len() as u64;
        Ok(Self { output, buffer, bytes_written, failure: None })
    }

    /// Writes a block. The bytes are not hashed.
    ///
    /// # Errors
    /// `Limit` if no reader would take a section of that length; `Io`.
    pub fn write(&mut self, cid: &Cid, bytes: &[u8]) -> Result<()> {
        let content = cid.byte_len() + bytes.len();
        if content > SECTION_BYTES_MAX {
            let (limit, got) = (SECTION_BYTES_MAX as u64, content as u64);
            return Err(Error::Limit { what: "bytes of a CAR section", limit, got });
        }
        append_section(&mut self.buffer, cid, bytes);
        self.count(section_len(cid, bytes.len()))
    }

    /// Writes one or more complete sections.
    ///
    /// # Errors
    /// `Io`.
    pub fn write_section(&mut self, section: &[u8]) -> Result<()> {
        if section.len() < BUFFER_BYTES {
            self.buffer.extend_from_slice(section);
            return self.count(section.len());
        }
        // Long ones are not copied into the buffer.
        self.pass_on()?;
        self.bytes_written += section.len() as u64;
        self.put(section)
    }

    /// The length of the CAR so far in bytes, buffered sections included.
    pub fn bytes_written(&self) -> u64 {
        self.bytes_written
    }

    /// Writes buffered sections, flushes the output and returns it.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(mut self) -> Result<W> {
        self.pass_on()?;
        self.output.flush().map_err(|error| io_error(self.bytes_written, error))?;
        Ok(self.output)
    }

    fn count(&mut self, length: usize) -> Result<()> {
        self.bytes_written += length as u64;
        if self.buffer.len() < BUFFER_BYTES { Ok(()) } else { self.pass_on() }
    }

    fn pass_on(&mut self) -> Result<()> {
        if let Some(kind) = self.failure {
            return Err(io_error(self.bytes_written, io::Error::new(kind, "it failed earlier")));
        }
        let buffer = std::mem::take(&mut self.buffer);
        let written = self.put(&buffer);
        self.buffer = buffer;
        self.buffer.clear();
        written
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.output.write_all(bytes).map_err(|error| {
            self.failure = Some(error.kind());
            io_error(self.bytes_written, error)
        })
    }
}

/// Appends one section: length, CID, bytes.
///
/// ```
/// use carrack::block::{Cid, Codec};
/// let mut out = Vec::new();
/// let cid = Cid::of(Codec::DagCbor, &[0xa0]);
/// carrack::parts::car::append_section(&mut out, &cid, &[0xa0]);
/// assert_eq!(out.len(), carrack::parts::car::section_len(&cid, 1));
/// ```
#[inline]
pub fn append_section(out: &mut Vec<u8>, cid: &Cid, bytes: &[u8]) {
    varint::write((cid.byte_len() + bytes.len()) as u64, out);
    cid.write_to(out);
    out.extend_from_slice(bytes);
}

/// The length of the whole section of a block of `bytes_len` bytes, its varint included.
///
/// ```
/// # use carrack::block::{Cid, Codec};
/// assert_eq!(carrack::parts::car::section_len(&Cid::of(Codec::Raw, b""), 0), 37);
/// ```
#[inline]
pub fn section_len(cid: &Cid, bytes_len: usize) -> usize {
    let content = cid.byte_len() + bytes_len;
    varint::len(content as u64) + content
}

fn io_error(written: u64, source: io::Error) -> Error {
    Error::io(format!("writing a CAR, {written} bytes in"), source)
}

/// A CAR whose root is the first block, with these behind it.
pub(crate) fn car_of(root: &Block, others: &[Block]) -> Bytes {
    let length: usize = others.iter().map(|block| block.bytes().len() + 48).sum();
    let mut out = Vec::with_capacity(length + root.bytes().len() + 128);
    out.extend_from_slice(&header(std::slice::from_ref(root.cid())));
    for block in std::iter::once(root).chain(others) {
        out.extend_from_slice(&section_of(block));
    }
    out.into()
}

/// The section of a block: as it came, if it came in one.
#[inline]
pub(crate) fn section_of(block: &Block) -> Cow<'_, [u8]> {
    if let Some(section) = block.section() {
        return Cow::Borrowed(section);
    }
    let mut section = Vec::with_capacity(block.bytes().len() + 40);
    append_section(&mut section, block.cid(), block.bytes());
    Cow::Owned(section)
}
