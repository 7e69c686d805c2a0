use crate::block::Cid;
use crate::error::{Error, Result};
use crate::tree::RecordWant;
use crate::verify::repository::Sink;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::io::Write;

/// Hashes the lines `path SPACE cid NEWLINE` in path order. Two repositories with equal digests
/// hold the same records at the same paths.
#[derive(Clone, Default)]
pub struct ListingDigest(Lines<Hashing>);

/// A hash as an output.
#[derive(Clone, Default)]
struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl ListingDigest {
    /// The SHA-256 of the lines so far, as 64 lower-case hexadecimal digits.
    pub fn finish(self) -> String {
        HEXLOWER.encode(&self.0.into_inner().0.finalize())
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// Never; the signature is that of [`Lines::push`].
    pub fn push(&mut self, path: &[u8], cid: &Cid) -> Result<()> {
        self.0.push(path, cid)
    }
}

/// Writes a listing: the lines `path SPACE cid NEWLINE`.
#[derive(Clone, Debug, Default)]
pub struct Lines<W> {
    output: W,
    line: Vec<u8>,
}

impl<W: Write> Lines<W> {
    /// Writes to `output`, which should be buffered.
    pub fn new(output: W) -> Self {
        Self { output, line: Vec::new() }
    }

    /// Writes the line of an entry.
    ///
    /// # Errors
    /// `Io` if the output fails.
    pub fn push(&mut self, path: &[u8], cid: &Cid) -> Result<()> {
        self.line.clear();
        self.line.extend_from_slice(path);
        let written =
            writeln!(self.line, " {cid}").and_then(|()| self.output.write_all(&self.line));
        written.map_err(|error| Error::io("writing the listing", error))
    }

    /// Returns the output.
    pub fn into_inner(self) -> W {
        self.output
    }
}

impl<W: Write> Sink for Lines<W> {
    fn needs_records(&self) -> bool {
        false
    }

    fn entry(&mut self, want: &RecordWant) -> Result<()> {
        self.push(want.key.as_bytes(), &want.cid)
    }
}

impl Sink for ListingDigest {
    fn needs_records(&self) -> bool {
        false
    }

    fn entry(&mut self, want: &RecordWant) -> Result<()> {
        self.0.entry(want)
    }
}
