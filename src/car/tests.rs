use super::writer::append_section;
use super::*;
use crate::block::{Block, Cid, Codec};
use crate::error::{Error, ErrorKind};
use crate::limits::SECTION_BYTES_MAX;
use crate::problem::Code;
use std::io::{self, Read};

fn blocks() -> Vec<(Cid, Vec<u8>)> {
    let other = "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n".parse().unwrap();
    let long = vec![7; 300];
    vec![
        (Cid::of(Codec::DagCbor, &[0xa0]), vec![0xa0]),
        (Cid::of(Codec::Raw, &long), long),
        (other, b"not what it promises".to_vec()),
        (Cid::of(Codec::Raw, b""), vec![]),
    ]
}

fn car(blocks: &[(Cid, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &[blocks[0].0.clone()]).unwrap();
    for (cid, bytes) in blocks {
        writer.write(cid, bytes).unwrap();
    }
    let counted = writer.bytes_written();
    let file = writer.finish().unwrap();
    assert_eq!(counted, file.len() as u64);
    file
}

/// All sections up to the end or the first error.
fn read_all(input: impl Read) -> (Vec<Section>, Option<Error>) {
    let mut sections = Vec::new();
    let mut reader = match Reader::new(input) {
        Ok(reader) => reader,
        Err(error) => return (sections, Some(error)),
    };
    loop {
        match reader.next_section() {
            Ok(Some(section)) => sections.push(section),
            Ok(None) => return (sections, None),
            Err(error) => {
                let again = reader.next_section().unwrap_err();
                assert_eq!(again.problems(), error.problems(), "a failed reader stays failed");
                return (sections, Some(error));
            }
        }
    }
}

fn code(error: Option<Error>) -> (Code, Option<u64>) {
    let error = error.expect("an error");
    (error.problems()[0].code, error.problems()[0].offset)
}

/// Gives `step` bytes at a time, is interrupted in between, and fails after `until` bytes.
struct Slow<'a> {
    bytes: &'a [u8],
    step: usize,
    until: usize,
    interrupted: bool,
}

impl Read for Slow<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.until == 0 {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let length = self.step.min(self.until).min(space.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(length);
        space[..length].copy_from_slice(now);
        self.bytes = later;
        self.until -= length;
        Ok(length)
    }
}

#[test]
fn what_is_written_is_read() {
    let blocks = blocks();
    let file = car(&blocks);
    let mut reader = Reader::new(&file[..]).unwrap();
    assert_eq!(reader.roots(), [blocks[0].0.clone()]);
    let mut offset = header(reader.roots()).len() as u64;
    for (cid, bytes) in &blocks {
        assert_eq!(reader.offset(), offset);
        let section = reader.next_section().unwrap().unwrap();
        assert_eq!((&section.cid, section.bytes()), (cid, &bytes[..]));
        assert_eq!((section.offset, section.length()), (offset, section_len(cid, bytes.len())));
        offset += section.length() as u64;
    }
    assert_eq!(reader.next_section().unwrap(), None);
    assert_eq!(reader.next_section().unwrap(), None);
    assert_eq!((reader.offset(), offset), (offset, file.len() as u64));
}

#[test]
fn only_a_section_boundary_is_an_end() {
    let blocks = blocks();
    let file = car(&blocks);
    let first = header(&[blocks[0].0.clone()]).len();
    for cut in 0..first {
        let expected = if cut == 0 { Code::NotACar } else { Code::Truncated };
        let (sections, error) = read_all(&file[..cut]);
        assert_eq!((sections.len(), code(error)), (0, (expected, Some(0))), "cut at {cut}");
    }
    let (mut start, mut whole) = (first, 0);
    for cut in first..=file.len() {
        let length = blocks.get(whole).map(|(cid, bytes)| section_len(cid, bytes.len()));
        if length.is_some_and(|length| cut == start + length) {
            (start, whole) = (cut, whole + 1);
        }
        let (sections, error) = read_all(&file[..cut]);
        assert_eq!(sections.len(), whole, "cut at {cut}");
        if cut == start {
            assert!(error.is_none(), "cut at {cut}");
        } else {
            assert_eq!(code(error), (Code::Truncated, Some(start as u64)), "cut at {cut}");
        }
    }
    assert_eq!(whole, blocks.len());
}

#[test]
fn a_failing_input_is_an_io_error_at_every_offset() {
    let file = car(&blocks());
    for until in 0..=file.len() {
        let slow = Slow { bytes: &file, step: 100, until, interrupted: false };
        let (sections, error) = read_all(slow);
        assert!(sections.len() <= 4);
        let error = error.unwrap();
        assert!(matches!(error, Error::Io { .. }), "failing after {until}");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
}

#[test]
fn one_byte_at_a_time_is_enough() {
    let blocks = blocks();
    let file = car(&blocks);
    let slow = Slow { bytes: &file, step: 1, until: usize::MAX, interrupted: false };
    let (sections, error) = read_all(slow);
    assert!(error.is_none());
    assert_eq!(sections, read_all(&file[..]).0);
    assert_eq!(sections.len(), blocks.len());
}

#[test]
fn sections_cross_chunks() {
    // Some larger than all chunks, so that every place of a chunk's end is met.
    let blocks: Vec<_> = (0..400_usize)
        .map(|index| vec![index.to_le_bytes()[0]; (index * index * 7) % 300_000])
        .map(|bytes| (Cid::of(Codec::Raw, &bytes), bytes))
        .collect();
    let file = car(&blocks);
    for step in [1 << 20, 65_536, 5_000] {
        let slow = Slow { bytes: &file, step, until: usize::MAX, interrupted: false };
        let mut reader = Reader::new(slow).unwrap();
        for (cid, bytes) in &blocks {
            let block = reader.next_section().unwrap().unwrap().into_block().unwrap();
            assert!(block.cid() == cid && block.bytes() == bytes);
        }
        assert_eq!(reader.next_section().unwrap(), None);
        assert_eq!(reader.offset(), file.len() as u64);
    }
}

#[test]
fn no_claimed_length_is_allocated() {
    let start = header(&[]);
    let at = Some(start.len() as u64);
    for (section, expected) in [
        (&[0x00][..], Code::BadSection),
        (&[0x80, 0x00], Code::BadSection),
        (&[0xff; 9], Code::BadSection),
        (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], Code::Truncated),
        (&[0x81, 0x88, 0x40], Code::Truncated),
        (&[0x80, 0x88, 0x40], Code::Truncated),
        (&[0x02, 0xff, 0xff], Code::UnsupportedCid),
        (&[0x05, 0x01, 0x71, 0x12, 0x20, 0x00], Code::UnsupportedCid),
    ] {
        let file = [&start[..], section].concat();
        assert_eq!(code(read_all(&file[..]).1), (expected, at), "{section:x?}");
    }
    let claim = [&start[..], &[0x80, 0x88, 0x40]].concat();
    let mut reader = Reader::new(&claim[..]).unwrap();
    reader.next_section().unwrap_err();
    let room = reader.buffered_capacity();
    assert!(room < 64 * 1024, "{room} bytes for a claimed megabyte");
}

#[test]
fn the_largest_section_passes_and_no_larger() {
    let bytes = vec![1; SECTION_BYTES_MAX - 36];
    let cid = Cid::of(Codec::Raw, &bytes);
    let file = car(&[(cid.clone(), bytes)]);
    assert_eq!(read_all(&file[..]).0.len(), 1);
    let mut writer = Writer::new(Vec::new(), &[]).unwrap();
    let error = writer.write(&cid, &vec![1; SECTION_BYTES_MAX - 35]).unwrap_err();
    assert!(matches!(error, Error::Limit { .. }));
    for (more, is_held) in [(0, true), (1, false)] {
        let mut section = Vec::new();
        let block = vec![1; SECTION_BYTES_MAX - 36 + more];
        append_section(&mut section, &cid, &block);
        let read = parse_section(&section.into(), 0);
        assert_eq!(read.is_ok(), is_held, "{more} bytes more");
        assert!(is_held || read.unwrap_err().code == Code::TooLarge);
    }
}

#[test]
fn what_is_no_car_is_named() {
    let version_2 = b"\x0a\xa1\x67version\x02";
    let error = Reader::new(&version_2[..]).unwrap_err();
    assert!(error.to_string().contains("a CAR of version 2"), "{error}");
    assert_eq!(error.problems()[0].code, Code::NotACar);
    for (bytes, expected) in [
        (&b""[..], Code::NotACar),
        (b"\x00", Code::NotACar),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f", Code::NotACar),
        (b"\x80\x80\x01", Code::NotACar),
        (
            b"hello, world. this is not an archive at all, but a text of more than 104 bytes; \
           it goes on for a while, until it has them",
            Code::NotACar,
        ),
        (b"\x0a\xa1\x67version\x01", Code::NotACar),
        (b"\x11\xa2\x65roots\x80\x67version\x02", Code::NotACar),
        (b"\x12\xa2\x65roots\x80\x67version\x01\x00", Code::NotACar),
        (b"\x11\xa2\x67version\x01\x65roots\x80", Code::NotACar),
        (b"\x11\xa2\x65roots\xf6\x67version\x01", Code::NotACar),
    ] {
        let error = Reader::new(bytes).unwrap_err();
        assert_eq!(error.problems()[0].code, expected, "{bytes:x?}: {error}");
    }
    let roots = vec![Cid::of(Codec::Raw, b""); 65];
    let error = Reader::new(&header(&roots)[..]).unwrap_err();
    assert_eq!(error.problems()[0].code, Code::TooLarge);
    assert_eq!(Reader::new(&header(&roots[1..])[..]).unwrap().roots(), &roots[1..]);
    assert!(Writer::new(Vec::new(), &roots).is_err());
}

#[test]
fn a_frame_becomes_a_block_by_hashing() {
    let mut file = car(&blocks()[..2]);
    let last = file.len() - 1;
    file[last] ^= 1;
    let (sections, error) = read_all(&file[..]);
    assert!(error.is_none());
    let [good, bad] = &sections[..] else { panic!("two sections") };
    assert_eq!(good.clone().into_block().unwrap(), Block::dag_cbor(vec![0xa0]));
    let problem = bad.clone().into_block().unwrap_err();
    assert_eq!(problem.code, Code::HashMismatch);
    assert_eq!((problem.cid, problem.offset), (Some(bad.cid.clone()), Some(bad.offset)));
}

#[test]
fn a_section_alone_must_fill_its_bytes() {
    let cid = Cid::of(Codec::Raw, b"abc");
    let mut bytes = Vec::new();
    append_section(&mut bytes, &cid, b"abc");
    let section = parse_section(&bytes.clone().into(), 7).unwrap();
    assert_eq!((section.offset, section.length()), (7, bytes.len()));
    assert_eq!(section.bytes(), b"abc");
    for cut in 0..bytes.len() {
        let problem = parse_section(&bytes[..cut].to_vec().into(), 7).unwrap_err();
        assert_eq!((problem.code, problem.offset), (Code::Truncated, Some(7)));
    }
    bytes.push(0);
    assert_eq!(parse_section(&bytes.into(), 7).unwrap_err().code, Code::BadSection);
}

#[test]
fn framed_sections_are_passed_on() {
    let blocks = blocks();
    let whole = car(&blocks);
    let roots = [blocks[0].0.clone()];
    let mut writer = Writer::new(Vec::new(), &roots).unwrap();
    writer.write_section(&whole[header(&roots).len()..]).unwrap();
    assert_eq!(writer.bytes_written(), whole.len() as u64);
    assert_eq!(writer.finish().unwrap(), whole);
}

#[test]
fn a_failed_writer_stays_failed() {
    struct Full(usize);
    impl io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let bytes = vec![1; 100_000];
    let cid = Cid::of(Codec::Raw, &bytes);
    let mut writer = Writer::new(Full(50), &[]).unwrap();
    for _ in 0..2 {
        let error = writer.write(&cid, &bytes).unwrap_err();
        assert!(matches!(error, Error::Io { .. }));
    }
    assert!(matches!(writer.finish(), Err(Error::Io { .. })));
}

/// A section of bytes that are not all held, with this CID.
fn long_section(cid: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut section = Vec::new();
    varint::write((cid.len() + bytes.len()) as u64, &mut section);
    [&section, cid, bytes].concat()
}

/// The sections of a CAR that begins with one after the header, and ends with a small one.
fn read_around(first: &[u8]) -> (Vec<NextSection>, Option<Error>, usize) {
    let last = Cid::of(Codec::DagCbor, &[0xa0]);
    let mut file = [&header(&[])[..], first].concat();
    append_section(&mut file, &last, &[0xa0]);
    let mut reader = Reader::new(&file[..]).unwrap();
    let mut sections = Vec::new();
    let error = loop {
        match reader.next_or_skipped() {
            Ok(Some(section)) => sections.push(section),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    (sections, error, reader.buffered_capacity())
}

#[test]
fn a_long_section_is_read_past_and_hashed() {
    let bytes = vec![7; 3 * SECTION_BYTES_MAX];
    let [right, other] = [&bytes[..], b"other"].map(|bytes| Cid::of(Codec::Raw, bytes));
    let unchecked = Cid::from_bytes(&[&[0x01, 0x55, 0x13, 0x40][..], &[7; 64]].concat()).unwrap();
    for (cid, is_right) in [(right, Some(true)), (other, Some(false)), (unchecked, None)] {
        let first = long_section(&cid.to_bytes(), &bytes);
        let (sections, error, capacity) = read_around(&first);
        assert!(error.is_none(), "{error:?}");
        let [NextSection::Skipped(skipped), NextSection::Read(section)] = &sections[..] else {
            panic!("{sections:?}")
        };
        let offset = header(&[]).len() as u64;
        let expected =
            SkippedSection { offset, length: first.len() as u64, cid: Some(cid.clone()), is_right };
        assert_eq!(*skipped, expected);
        assert_eq!(section.offset, offset + first.len() as u64);
        assert!(capacity < SECTION_BYTES_MAX, "{capacity} bytes held");
        assert_eq!(skipped.unusable().code, Code::TooLarge);
        assert_eq!(skipped.mismatch().is_some(), is_right == Some(false));

        // Who needs every section gets an error that names this one.
        let file = [&header(&[])[..], &first].concat();
        let (sections, error) = read_all(&file[..]);
        assert!(sections.is_empty());
        assert_eq!(error.as_ref().unwrap().problems()[0].cid, Some(cid));
        assert_eq!(code(error), (Code::TooLarge, Some(offset)));
        for cut in [1, 3, 4, 30, 100, first.len() / 2, first.len() - 1] {
            let (_, error) = read_all(&file[..header(&[]).len() + cut]);
            assert_eq!(code(error), (Code::Truncated, Some(offset)), "cut at {cut}");
        }
    }
}

#[test]
fn a_cid_that_is_longer_than_any_that_is_kept_is_read_past() {
    // The data itself in place of a hash.
    for (digest, bytes) in [(65, 0), (100, 10), (100, 2 * SECTION_BYTES_MAX)] {
        let cid = [&[0x01, 0x55, 0x00, digest][..], &vec![7; usize::from(digest)]].concat();
        let (sections, error, _) = read_around(&long_section(&cid, &vec![1; bytes]));
        assert!(error.is_none(), "{error:?}");
        let [NextSection::Skipped(skipped), NextSection::Read(_)] = &sections[..] else {
            panic!("{sections:?}")
        };
        assert_eq!((&skipped.cid, skipped.is_right), (&None, None));
        assert_eq!(skipped.unchecked().code, Code::UnsupportedCid);
        // One that does not end within its section is none.
        let (sections, error, _) = read_around(&long_section(&cid[..20], &[]));
        assert!(sections.is_empty());
        assert_eq!(code(error).0, Code::UnsupportedCid);
    }
}

/// A row takes the section of a block as it came: it has to be what would be written for it.
#[test]
fn the_section_that_a_block_came_in_is_the_one_that_is_written() {
    let bytes = b"\xa1\x61a\x01";
    let raw = Cid::of(Codec::Raw, bytes);
    // With a digest of SHA-256 and a codec that repositories do not use.
    let other = Cid::from_bytes(&[&[1, 0x70, 0x12, 0x20][..], &raw.to_bytes()[4..]].concat());
    for cid in [Cid::of(Codec::DagCbor, bytes), raw, other.unwrap()] {
        let mut car = header(&[]);
        let start = car.len();
        append_section(&mut car, &cid, bytes);
        let section = Reader::new(&car[..]).unwrap().next_section().unwrap().unwrap();
        let block = section.into_block().unwrap();
        assert_eq!(block.section(), Some(&car[start..]));
        assert_eq!((block.cid(), block.bytes()), (&cid, &bytes[..]));
        assert_eq!(section_of(&block)[..], car[start..]);
        let parts = Block::check(cid, block.bytes().to_vec()).unwrap();
        assert_eq!((parts.section(), &parts), (None, &block));
        assert_eq!(section_of(&parts)[..], car[start..]);
        assert_eq!(block.into_parts().1, &bytes[..]);
    }
}
