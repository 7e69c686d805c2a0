//! Reads input that is compressed with gzip or zstd, up to a number of bytes.

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::rc::Rc;

/// Why compressed input gives no more bytes: the inner error of what the reader returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Damage {
    /// The input ends inside it.
    Cut(&'static str),
    /// It is not what its beginning says.
    Broken(&'static str, String),
    /// It is longer than allowed; says how long it may be.
    TooLong(u64),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut(format) => {
                write!(f, "the {format} data ends before its end: the file was cut off")
            }
            Self::Broken(format, why) => write!(f, "the {format} data is damaged: {why}"),
            Self::TooLong(allowed) => write!(
                f,
                "more than {allowed} bytes when decompressed; give --max-bytes to allow more"
            ),
        }
    }
}

impl std::error::Error for Damage {}

impl Damage {
    /// The damage that an error of reading is about.
    pub(in crate::cli) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

/// Whether a file that begins with these bytes is decompressed.
pub(in crate::cli) fn is_compressed(start: &[u8]) -> bool {
    format(start).is_some()
}

/// The input, decompressed if it begins as gzip or zstd does; then at most `bytes_max` of it, more
/// is an error.
pub(in crate::cli) fn decompressed<'a>(
    mut source: impl Read + 'a,
    bytes_max: u64,
) -> io::Result<Box<dyn Read + 'a>> {
    let mut start = Vec::new();
    source.by_ref().take(MAGIC_BYTES).read_to_end(&mut start)?;
    let Some(format) = format(&start) else {
        return Ok(Box::new(Cursor::new(start).chain(source)));
    };
    let seen = Rc::new(Seen::default());
    let watched = Watched { source: Cursor::new(start).chain(source), seen: Rc::clone(&seen) };
    let decoder: Box<dyn Read + 'a> = match format {
        Format::Gzip => Box::new(MultiGzDecoder::new(watched)),
        Format::Zstd => Box::new(ZstdFrames::new(BufReader::new(watched))?),
    };
    Ok(Box::new(Decompressed { decoder, format: format.name(), seen, bytes_max, left: bytes_max }))
}

const MAGIC_BYTES: u64 = 4;

#[derive(Clone, Copy)]
enum Format {
    Gzip,
    Zstd,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

fn format(start: &[u8]) -> Option<Format> {
    match start {
        [0x1f, 0x8b, ..] => Some(Format::Gzip),
        // A frame, or one that is skipped.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Format::Zstd),
        _ => None,
    }
}

/// What has become of the compressed bytes.
#[derive(Default)]
struct Seen {
    /// More were wanted than there are.
    ended: Cell<bool>,
    /// Reading them failed.
    failed: Cell<bool>,
}

struct Watched<R> {
    source: R,
    seen: Rc<Seen>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer);
        match &read {
            Ok(0) if !buffer.is_empty() => self.seen.ended.set(true),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => self.seen.failed.set(true),
            _ => {}
        }
        read
    }
}

struct Decompressed<'a> {
    decoder: Box<dyn Read + 'a>,
    format: &'static str,
    seen: Rc<Seen>,
    bytes_max: u64,
    left: u64,
}

impl Read for Decompressed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // One byte more than allowed shows that there are more.
        let wanted = usize::try_from(self.left.saturating_add(1)).unwrap_or(usize::MAX);
        let wanted = wanted.min(buffer.len());
        let read = self.decoder.read(buffer.get_mut(..wanted).unwrap_or_default());
        match read {
            Ok(got) => {
                let left = self.left.checked_sub(got as u64);
                self.left =
                    left.ok_or_else(|| io::Error::other(Damage::TooLong(self.bytes_max)))?;
                Ok(got)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) if self.seen.failed.get() => Err(error),
            Err(_) if self.seen.ended.get() => Err(io::Error::other(Damage::Cut(self.format))),
            Err(error) => Err(io::Error::other(Damage::Broken(self.format, error.to_string()))),
        }
    }
}

/// All frames of an input, one after the other.
struct ZstdFrames<R> {
    source: R,
    decoder: FrameDecoder,
    is_in_frame: bool,
}

/// The header of a frame with the smallest window.
const SMALLEST_FRAME: &[u8] = b"\x28\xb5\x2f\xfd\x00\x00";

impl<R: BufRead> ZstdFrames<R> {
    fn new(source: R) -> io::Result<Self> {
        let mut decoder = FrameDecoder::new();
        // A decoder bounds the window, which it holds in memory, of every frame but its first.
        decoder.init(SMALLEST_FRAME).map_err(io::Error::other)?;
        Ok(Self { source, decoder, is_in_frame: false })
    }

    /// Begins the next frame; false at the end of the input.
    fn begin(&mut self) -> io::Result<bool> {
        if self.source.fill_buf()?.is_empty() {
            return Ok(false);
        }
        match self.decoder.init(&mut self.source) {
            Ok(()) => self.is_in_frame = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let length = u64::from(length);
                let skipped = io::copy(&mut self.source.by_ref().take(length), &mut io::sink())?;
                if skipped < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Err(FrameDecoderError::WindowSizeTooBig { requested }) => {
                return Err(io::Error::other(format!(
                    "it needs a window of {requested} bytes, and 104,857,600 are allowed: compress \
                     it again without a long window"
                )));
            }
            Err(error) => return Err(io::Error::other(error)),
        }
        Ok(true)
    }

    fn read_frame(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let decoder = &mut self.decoder;
        while decoder.can_collect() < buffer.len() && !decoder.is_finished() {
            let wanted = BlockDecodingStrategy::UptoBytes(buffer.len() - decoder.can_collect());
            decoder.decode_blocks(&mut self.source, wanted).map_err(io::Error::other)?;
        }
        let got = decoder.read(buffer)?;
        if got == 0 {
            self.is_in_frame = false;
            let stated = decoder.get_checksum_from_data();
            if stated.is_some() && stated != decoder.get_calculated_checksum() {
                return Err(io::Error::other("its checksum is wrong"));
            }
        }
        Ok(got)
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.is_in_frame {
                match self.read_frame(buffer)? {
                    0 => {}
                    got => return Ok(got),
                }
            } else if !self.begin()? {
                return Ok(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::read::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        GzEncoder::new(bytes, Compression::default()).read_to_end(&mut packed).unwrap();
        packed
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    fn unpack(packed: &[u8], bytes_max: u64) -> Result<Vec<u8>, Damage> {
        let mut bytes = Vec::new();
        let mut reader = decompressed(packed, bytes_max).unwrap();
        match reader.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(Damage::of(&error).cloned().unwrap()),
        }
    }

    fn content() -> Vec<u8> {
        (0..300_000_u32).flat_map(|n| (n / 7 % 251).to_le_bytes()).collect()
    }

    #[test]
    fn both_formats_are_read_in_any_number_of_parts() {
        let whole = content();
        let (one, two) = whole.split_at(100_000);
        for pack in [gzip, zstd] {
            assert_eq!(unpack(&pack(&whole), u64::MAX), Ok(whole.clone()));
            assert_eq!(unpack(&[pack(one), pack(two)].concat(), u64::MAX), Ok(whole.clone()));
            assert_eq!(unpack(&pack(b""), u64::MAX), Ok(Vec::new()));
        }
        let skipped = b"\x53\x2a\x4d\x18\x03\0\0\0abc";
        let around = [&skipped[..], &zstd(one), skipped, &zstd(two), skipped].concat();
        assert_eq!(unpack(&around, u64::MAX), Ok(whole));
        assert_eq!(unpack(b"ahoy", 2), Ok(b"ahoy".to_vec()));
        assert_eq!(unpack(b"", 2), Ok(Vec::new()));
    }

    #[test]
    fn a_cut_is_told_from_damage() {
        let whole = &content()[..5000];
        for pack in [gzip, zstd] {
            let packed = pack(whole);
            for length in 4..packed.len() {
                let cut = unpack(&packed[..length], u64::MAX);
                assert!(matches!(cut, Err(Damage::Cut(_))), "{length}: {cut:?}");
            }
            // With a checksum no change goes unnoticed, except of what is not content.
            let mut unnoticed = 0;
            for place in 4..packed.len() {
                let mut broken = packed.clone();
                broken[place] ^= 0x10;
                match unpack(&broken, 1 << 20) {
                    Err(_) => {}
                    Ok(bytes) => {
                        unnoticed += 1;
                        assert_eq!(bytes, whole, "{place}");
                    }
                }
            }
            assert!(unnoticed < 12, "{unnoticed}");
            let garbage = [&packed[..], &[0xaa; 100]].concat();
            assert!(matches!(unpack(&garbage, u64::MAX), Err(Damage::Broken(..))));
        }
    }

    #[test]
    fn the_output_is_bounded() {
        let whole = content();
        let length = whole.len() as u64;
        for pack in [gzip, zstd] {
            let packed = pack(&whole);
            assert_eq!(unpack(&packed, length), Ok(whole.clone()));
            for allowed in [length - 1, 1000, 0] {
                assert_eq!(unpack(&packed, allowed), Err(Damage::TooLong(allowed)));
            }
        }
        // A window of a terabyte is not held.
        let huge = [&SMALLEST_FRAME[..5], &[0xf0], b"\x02\0\0a"].concat();
        let refused = unpack(&huge, u64::MAX);
        assert!(
            matches!(&refused, Err(Damage::Broken("zstd", why)) if why.contains("window")),
            "{refused:?}"
        );
    }
}
