use crate::block::drisl::{Decoder, FaultKind};
use crate::error::{Error, Result};
use crate::file_kind::FileKind;
use crate::limits::EVENT_FRAME_BYTES_MAX;
use std::io::{ErrorKind, Read};

/// One byte more than a frame may have shows that it is too long.
const FRAME_BYTES_READ: usize = EVENT_FRAME_BYTES_MAX + 1;
/// Whether another frame begins is known by its first bytes.
const START_BYTES: usize = 512;
const CHUNK_BYTES: usize = 64 * 1024;

/// Splits an input of frames, one after another, as a recorded event stream has them.
///
/// The frames are not checked: [`verify_frame`](crate::event::verify_frame) does that. Bytes that
/// begin no frame belong to the frame before them, which is then invalid. Memory is that of two of
/// the longest frames.
///
/// ```
/// use carrack::event::{Frames, UnknownFrame, Frame, decode_frame};
/// let error = b"\xa1\x62op\x20\xa1\x65error\x6fConsumerTooSlow";
/// let two = [&error[..], error].concat();
/// let mut frames = Frames::new(&two[..]);
/// assert_eq!(frames.next_frame()?.as_deref(), Some(&error[..]));
/// assert_eq!(frames.next_frame()?.as_deref(), Some(&error[..]));
/// assert_eq!(frames.next_frame()?, None);
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Debug)]
pub struct Frames<R> {
    input: R,
    /// Bytes that were read and not given.
    ahead: Vec<u8>,
    has_ended: bool,
    /// Whether a frame was given: an input of no bytes is one frame, of no bytes.
    has_given: bool,
}

/// Where the first frame of some bytes ends.
enum FrameEnd {
    At(usize),
    /// Behind them.
    Beyond,
    /// They are not the beginning of a frame.
    None,
}

impl<R: Read> Frames<R> {
    /// Reads frames from `input`.
    pub fn new(input: R) -> Self {
        Self { input, ahead: Vec::new(), has_ended: false, has_given: false }
    }

    /// The next frame; `None` at the end. Of what is no frame, or too long for one, at most one byte
    /// more than [`EVENT_FRAME_BYTES_MAX`]; then the input has ended.
    ///
    /// # Errors
    /// `Io` if reading fails.
    pub fn next_frame(&mut self) -> Result<Option<Vec<u8>>> {
        self.fill(START_BYTES)?;
        if self.ahead.is_empty() && self.has_given {
            return Ok(None);
        }
        self.has_given = true;
        let end = loop {
            match frame_end(&self.ahead) {
                FrameEnd::At(end) => break Some(end),
                FrameEnd::Beyond if !self.has_ended && self.ahead.len() < FRAME_BYTES_READ => {
                    // Twice as many each time, so that all of them are looked at twice on average.
                    self.fill((2 * self.ahead.len()).clamp(CHUNK_BYTES, FRAME_BYTES_READ))?;
                }
                FrameEnd::Beyond | FrameEnd::None => break None,
            }
        };
        match end {
            Some(end) if self.ends_at(end)? => Ok(Some(self.take(end))),
            _ => self.take_rest().map(Some),
        }
    }

    /// Whether the input ends there, or another frame begins.
    fn ends_at(&mut self, end: usize) -> Result<bool> {
        self.fill(end + START_BYTES)?;
        let rest = self.ahead.get(end..).unwrap_or_default();
        Ok(rest.is_empty() || FileKind::of(rest) == Some(FileKind::Frame))
    }

    fn take(&mut self, end: usize) -> Vec<u8> {
        let rest = self.ahead.split_off(end);
        std::mem::replace(&mut self.ahead, rest)
    }

    fn take_rest(&mut self) -> Result<Vec<u8>> {
        self.fill(FRAME_BYTES_READ)?;
        self.has_ended = true;
        let mut rest = std::mem::take(&mut self.ahead);
        rest.truncate(FRAME_BYTES_READ);
        Ok(rest)
    }

    /// Reads until this number of bytes is ahead, or to the end.
    fn fill(&mut self, wanted: usize) -> Result<()> {
        while !self.has_ended && self.ahead.len() < wanted {
            let held = self.ahead.len();
            self.ahead.resize(held.max(wanted.min(held + CHUNK_BYTES)), 0);
            let read = self.input.read(self.ahead.get_mut(held..).unwrap_or_default());
            let got = match read {
                Ok(got) => got,
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    self.ahead.truncate(held);
                    continue;
                }
                Err(error) => {
                    self.ahead.truncate(held);
                    return Err(Error::io("reading frames", error));
                }
            };
            self.ahead.truncate(held.saturating_add(got));
            self.has_ended = got == 0;
        }
        Ok(())
    }
}

fn frame_end(bytes: &[u8]) -> FrameEnd {
    let mut from = Decoder::new(bytes);
    match from.skip().and_then(|()| from.skip()) {
        Ok(()) => FrameEnd::At(from.position()),
        Err(fault) if fault.kind == FaultKind::Truncated => FrameEnd::Beyond,
        Err(_) => FrameEnd::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &[u8] = b"\xa1\x62op\x20\xa1\x65error\x6fConsumerTooSlow";

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let step = self.1.min(buffer.len());
            self.0.read(&mut buffer[..step])
        }
    }

    fn split(bytes: &[u8], step: usize) -> Vec<Vec<u8>> {
        let mut frames = Frames::new(Slow(bytes, step));
        std::iter::from_fn(|| frames.next_frame().unwrap()).collect()
    }

    #[test]
    fn frames_are_split_however_they_arrive() {
        let long = [&b"\xa1\x62op\x20\xa1\x65error\x7a\x00\x03\x00\x00"[..], &vec![b'x'; 0x30000]]
            .concat();
        let all = [FRAME, &long, FRAME, &long].concat();
        for step in [1, 7, 4096, usize::MAX] {
            assert_eq!(split(&all, step), [FRAME, &long, FRAME, &long], "{step}");
        }
        assert_eq!(split(FRAME, 3), [FRAME]);
        assert_eq!(split(b"", 3), [b""]);
    }

    #[test]
    fn what_is_no_frame_belongs_to_the_one_before() {
        for rest in [&b"\0"[..], b"ahoy", b"\xa0\xa0", &vec![0; 100_000]] {
            let bytes = [FRAME, FRAME, rest].concat();
            assert_eq!(split(&bytes, 5), [FRAME, &[FRAME, rest].concat()]);
        }
        // One that is cut off is by itself.
        let cut = &FRAME[..FRAME.len() - 1];
        assert_eq!(split(&[FRAME, cut].concat(), 4096), [FRAME, cut]);
        assert_eq!(split(b"ahoy", 1), [b"ahoy"]);
    }

    #[test]
    fn memory_is_bounded() {
        // A text of four gigabytes, says its head.
        let head = b"\xa1\x62op\x20\x7a\xff\xff\xff\xff";
        let endless = head.chain(std::io::repeat(b'x'));
        let mut frames = Frames::new(endless);
        assert_eq!(frames.next_frame().unwrap().unwrap().len(), FRAME_BYTES_READ);
        assert_eq!(frames.next_frame().unwrap(), None);
    }
}
