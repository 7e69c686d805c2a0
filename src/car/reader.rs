use super::header;
use super::next_section::{self, NextSection, SkippedSection};
use super::section::{self, Section};
use crate::block::{Cid, Comparison};
use crate::error::{Error, Result};
use crate::file_kind::{FileKind, LOOKED_AT_BYTES};
use crate::limits::CID_BYTES_MAX;
use crate::problem::{Code, Problem};
use bytes::BytesMut;
use std::io::{self, Read};

/// The size of the first read, in bytes: event slices are not much larger.
const CHUNK_BYTES_MIN: usize = 8 * 1024;
/// Each next chunk is twice as long, up to this: large reads cost the fewest calls.
const CHUNK_BYTES_MAX: usize = 256 * 1024;

/// Reads a CAR section by section, in bounded memory.
///
/// It reads ahead in chunks of up to 256 KiB, and returns [`Section`]s that are slices of them (so
/// a kept section keeps its chunk). A section of more than a mebibyte is skipped. No length in the
/// input is allocated before the bytes have arrived. Pass a plain file, pipe or socket: a
/// `BufReader` only costs time. After an error every call fails.
///
/// ```
/// use carrack::block::Block;
/// use carrack::car::{Reader, Writer};
/// let block = Block::dag_cbor(vec![0xa0]);
/// let mut writer = Writer::new(Vec::new(), &[block.cid().clone()])?;
/// writer.write(block.cid(), block.bytes())?;
/// let file = writer.finish()?;
///
/// let mut reader = Reader::new(&file[..])?;
/// assert_eq!(reader.roots(), [block.cid().clone()]);
/// let frame = reader.next_section()?.expect("one section");
/// assert_eq!(frame.into_block()?, block);
/// assert!(reader.next_section()?.is_none());
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    roots: Vec<Cid>,
    /// Bytes ahead; only the first `filled` have been read, the rest waits for them.
    buffer: BytesMut,
    filled: usize,
    chunk_bytes: usize,
    /// Where the buffer begins, in bytes from the start of the input.
    offset: u64,
    failure: Option<ReadFailure>,
}

/// What went wrong, to be said again.
#[derive(Clone, Debug)]
enum ReadFailure {
    Problem(Problem),
    Io(io::ErrorKind),
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// `NotACar` if the input is empty or begins otherwise (what it is instead is said, as far as it
    /// is known: version 2, a server's answer in JSON, compressed data),
    /// `Truncated` if it ends inside the header, `TooLarge` for more than 64 roots; `Io`.
    pub fn new(input: R) -> Result<Self> {
        let mut reader = Self {
            input,
            roots: Vec::new(),
            buffer: BytesMut::new(),
            filled: 0,
            chunk_bytes: CHUNK_BYTES_MIN,
            offset: 0,
            failure: None,
        };
        reader.roots = match reader.read_header() {
            Ok(roots) => roots,
            Err(Error::Problem(problem)) => return Err(reader.what_it_is(*problem).into()),
            Err(error) => return Err(error),
        };
        Ok(reader)
    }

    /// The roots in the header, in order.
    pub fn roots(&self) -> &[Cid] {
        &self.roots
    }

    /// Where the next section begins, in bytes from the start of the input.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes of the input have been read.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.offset + self.filled as u64
    }

    /// Whether the next section can be taken without reading.
    pub(crate) fn holds_section(&self) -> bool {
        match section::section_head(self.ahead(), self.offset) {
            Ok(Some((prefix, stated))) => {
                section::held_length(stated).is_some_and(|length| prefix + length <= self.filled)
            }
            Ok(None) => false,
            // What is wrong with it can be said without reading.
            Err(_) => true,
        }
    }

    /// Returns the input. Bytes that were read ahead are lost.
    pub fn into_inner(self) -> R {
        self.input
    }

    /// Reads the next section, which has to be one that is held in memory. `None` only if the input
    /// ends where a section may begin.
    ///
    /// # Errors
    /// As [`Reader::next_or_skipped`]; `TooLarge` for a section above
    /// [`SECTION_BYTES_MAX`](crate::limits::SECTION_BYTES_MAX), `UnsupportedCid` for a CID that is
    /// longer than any that is kept. From then on the same error again.
    pub fn next_section(&mut self) -> Result<Option<Section>> {
        match self.next_or_skipped()? {
            None => Ok(None),
            Some(NextSection::Read(section)) => Ok(Some(section)),
            Some(NextSection::Skipped(skipped)) => {
                let problem = skipped.unusable();
                self.failure = Some(ReadFailure::Problem(problem.clone()));
                Err(problem.into())
            }
        }
    }

    /// Reads the next section. One that is longer than any block of a repository is read past in
    /// pieces, and hashed on the way. `None` only if the input ends where a section may begin.
    ///
    /// # Errors
    /// Each names the offset of its section: `Truncated` if the input ends inside one, `BadSection`
    /// if its length is zero or not a varint in its shortest form, `UnsupportedCid` if it does not
    /// begin with a CID. `Io` if reading failed. From then on the same error again.
    pub fn next_or_skipped(&mut self) -> Result<Option<NextSection>> {
        match &self.failure {
            None => {}
            Some(ReadFailure::Problem(problem)) => return Err(problem.clone().into()),
            Some(ReadFailure::Io(kind)) => {
                return Err(self.io(io::Error::new(*kind, "reading failed earlier")));
            }
        }
        let read = self.read_section();
        if let Err(error) = &read {
            self.failure = Some(match error {
                Error::Io { source, .. } => ReadFailure::Io(source.kind()),
                other => {
                    ReadFailure::Problem(other.problems().first().cloned().unwrap_or_else(|| {
                        Problem::new(Code::BadSection, other.to_string()).offset(self.offset)
                    }))
                }
            });
        }
        read
    }

    fn read_header(&mut self) -> Result<Vec<Cid>> {
        if !self.fill(1)? {
            return Err(header::not_a_car("the input is empty".to_owned()).into());
        }
        let cut_off =
            || Problem::new(Code::Truncated, "the input ends inside the header").offset(0);
        let (prefix, length) = loop {
            match header::header_head(self.ahead())? {
                Some(head) => break head,
                None if self.fill(self.filled + 1)? => {}
                None => return Err(cut_off().into()),
            }
        };
        if !self.fill(prefix + length)? {
            return Err(cut_off().into());
        }
        let content = self.ahead().get(prefix..prefix + length).unwrap_or_default();
        let roots = header::parse_header(content)?;
        self.take(prefix + length);
        Ok(roots)
    }

    /// Says what the input is, if its header cannot be read and it is of another kind.
    fn what_it_is(&mut self, problem: Problem) -> Problem {
        // What cannot be read is not the reason.
        let _ = self.fill(LOOKED_AT_BYTES);
        match FileKind::of(self.ahead()) {
            None | Some(FileKind::Car) => problem,
            Some(kind) => header::not_a_car(kind.refusal("a CAR")),
        }
    }

    fn read_section(&mut self) -> Result<Option<NextSection>> {
        if !self.fill(1)? {
            return Ok(None);
        }
        let offset = self.offset;
        let (prefix, stated) = loop {
            match section::section_head(self.ahead(), offset)? {
                Some(head) => break head,
                None if self.fill(self.filled + 1)? => {}
                None => return Err(section::truncated(offset).into()),
            }
        };
        let Some(length) = section::held_length(stated) else {
            return self.pass(prefix, stated).map(Some);
        };
        if !self.fill(prefix + length)? {
            return Err(section::truncated(offset).into());
        }
        let section = self.take(prefix + length).freeze();
        Ok(Some(next_section::hold(section, prefix, offset)?))
    }

    /// Reads past a section, piece by piece, and hashes it if its CID lets us.
    fn pass(&mut self, prefix: usize, stated: u64) -> Result<NextSection> {
        let offset = self.offset;
        let truncated = || section::truncated(offset);
        // A section that is too long to be held is longer than any CID.
        let start = prefix + CID_BYTES_MAX;
        if !self.fill(start)? {
            return Err(truncated().into());
        }
        let content = self.ahead().get(prefix..start).unwrap_or_default();
        let (cid, cid_length) =
            section::read_cid(content, stated).map_err(|problem| problem.offset(offset))?;
        let mut comparison = cid.as_ref().and_then(Cid::comparison);
        self.take(prefix + cid_length);
        let mut left = stated - cid_length as u64;
        while left > 0 {
            if !self.fill(1)? {
                return Err(truncated().into());
            }
            let piece = usize::try_from(left).unwrap_or(usize::MAX).min(self.filled);
            let bytes = self.take(piece);
            if let Some(comparison) = &mut comparison {
                comparison.update(&bytes);
            }
            left -= piece as u64;
        }
        let is_right = comparison.map(Comparison::matches);
        Ok(NextSection::Skipped(SkippedSection {
            offset,
            length: stated + prefix as u64,
            cid,
            is_right,
        }))
    }

    /// The bytes that have been read and not been taken.
    fn ahead(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    /// Takes this number of bytes.
    fn take(&mut self, length: usize) -> BytesMut {
        self.filled -= length;
        self.offset += length as u64;
        self.buffer.split_to(length)
    }

    /// Reads until this number of bytes is in the buffer; false if the input ends before.
    fn fill(&mut self, wanted: usize) -> Result<bool> {
        while self.filled < wanted {
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.filled + self.chunk_bytes, 0);
                self.chunk_bytes = (2 * self.chunk_bytes).min(CHUNK_BYTES_MAX);
            }
            let space = self.buffer.get_mut(self.filled..).unwrap_or_default();
            match self.input.read(space) {
                Ok(0) => return Ok(false),
                // A reader may claim more bytes than the buffer has.
                Ok(read) => self.filled += read.min(space.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.io(error)),
            }
        }
        Ok(true)
    }

    fn io(&self, source: io::Error) -> Error {
        Error::io(format!("reading a CAR, {} bytes in", self.bytes_read()), source)
    }

    #[cfg(test)]
    pub(super) fn buffered_capacity(&self) -> usize {
        self.buffer.capacity()
    }
}
