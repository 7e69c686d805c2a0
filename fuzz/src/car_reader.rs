//! What reads cleanly is written and read the same; what is valid can be imported, and comes out
//! as it went in.

use crate::{mend, sample};
use carrack::block::Cid;
use carrack::car::{Reader, Section, Writer};
use carrack::engine::ImportOptions;
use carrack::parts::car::{NextSection, header};
use carrack::parts::sources::{StreamSource, verify_source};
use carrack::verify::{Discard, ExpectedHead, Input, ListingDigest, Order, Report, verify};
use carrack::{Code, Error, Progress};
use std::io::Read;

/// Half of the changed inputs get right hashes again.
pub fn mutate(data: &mut [u8], size: usize, seed: u32) -> usize {
    if seed.is_multiple_of(2) {
        mend::rehash(&mut data[..size], 0..size);
    }
    size
}

pub fn check(data: &[u8]) {
    let read = read(data);
    same_in_small_reads(data, &read);
    if let Ok((roots, sections)) = &read {
        if let Some(sections) = all_held(sections) {
            writes_the_same(data, roots, &sections);
        }
        ends_only_between_sections(data, sections);
    }
    verifies(data, read.is_ok());
}

type Sections = Result<(Vec<Cid>, Vec<NextSection>), Error>;

fn read(input: impl Read) -> Sections {
    let mut reader = Reader::new(input)?;
    let mut sections = Vec::new();
    loop {
        match reader.next_or_skipped() {
            Ok(Some(section)) => sections.push(section),
            Ok(None) => return Ok((reader.roots().to_vec(), sections)),
            Err(error) => {
                let again = reader.next_or_skipped().expect_err("a failed reader stays failed");
                assert_eq!(again.to_string(), error.to_string());
                return Err(error);
            }
        }
    }
}

/// The sections, if none was read past.
fn all_held(sections: &[NextSection]) -> Option<Vec<Section>> {
    let section = |section: &NextSection| match section {
        NextSection::Read(section) => Some(section.clone()),
        NextSection::Skipped(_) => None,
    };
    sections.iter().map(section).collect()
}

/// Gives a few bytes at a time.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1 % 7 + 1;
        let take = self.1.min(out.len()).min(self.0.len());
        let (now, later) = self.0.split_at(take);
        out[..take].copy_from_slice(now);
        self.0 = later;
        Ok(take)
    }
}

fn same_in_small_reads(data: &[u8], whole: &Sections) {
    match (whole, read(Trickle(data, 0))) {
        (Ok(whole), Ok(pieces)) => assert_eq!(*whole, pieces),
        (Err(whole), Err(pieces)) => assert_eq!(whole.to_string(), pieces.to_string()),
        (whole, pieces) => panic!("at once {:?}, in pieces {:?}", whole.is_ok(), pieces.is_ok()),
    }
}

fn writes_the_same(data: &[u8], roots: &[Cid], sections: &[Section]) {
    let mut writer = Writer::new(Vec::new(), roots).unwrap();
    for section in sections {
        writer.write(&section.cid, section.bytes()).unwrap();
    }
    let length = writer.bytes_written();
    let written = writer.finish().unwrap();
    assert_eq!(written.len() as u64, length);
    let (again, copies) = read(&written[..]).expect("what was written can be read");
    let copies = all_held(&copies).expect("what was held is held");
    assert_eq!(roots, again);
    assert_eq!(sections.len(), copies.len());
    for (section, copy) in sections.iter().zip(&copies) {
        assert_eq!(
            (&section.cid, section.bytes(), section.length()),
            (&copy.cid, copy.bytes(), copy.length())
        );
    }
    // A section has one form; a header may have had others.
    let first = sections.first().map_or(data.len(), offset);
    assert!(written.ends_with(&data[first..]));
    assert_eq!(written.len() - header(roots).len(), data.len() - first);
}

fn offset(section: &Section) -> usize {
    usize::try_from(section.offset).unwrap()
}

/// Cuts at and around the first and the last few sections.
fn ends_only_between_sections(data: &[u8], sections: &[NextSection]) {
    let few = sections.iter().take(3).chain(sections.iter().rev().take(3));
    for section in few {
        let start = usize::try_from(section.offset()).unwrap();
        let length = usize::try_from(section.length()).unwrap();
        assert!(read(&data[..start]).is_ok());
        for cut in [start + 1, start + length / 2, start + length - 1] {
            if cut > start && cut < start + length {
                let error = read(&data[..cut]).expect_err("cut inside a section");
                assert_eq!(error.problems().first().map(|p| p.code), Some(Code::Truncated));
            }
        }
    }
}

fn verifies(data: &[u8], readable: bool) {
    let input = Input::spill(data, "fuzz").unwrap();
    let (report, listing) = verify_input(&input);
    // Who wants only the verdict mostly gets it without a walk: the same one.
    let judged =
        verify(&input, &ExpectedHead::unchecked(), &sample::clock(), &mut Discard).unwrap();
    assert_eq!(judged, report);
    let mut digest = ListingDigest::default();
    let streamed = StreamSource::new(data).and_then(|mut supply| {
        verify_source(&mut supply, &ExpectedHead::unchecked(), &sample::clock(), &mut digest)
    });
    if let Some(streamed) = streamed.ok().filter(Report::is_valid) {
        assert!(report.is_valid(), "valid as a stream only");
        assert_eq!(digest.finish(), listing);
        assert_eq!(
            (&streamed.commit, streamed.records, streamed.nodes, streamed.height),
            (&report.commit, report.records, report.nodes, report.height)
        );
        assert_eq!(report.order, Some(Order::Streaming));
    }
    if report.is_valid() {
        assert!(readable, "valid and cannot be read");
        goes_through_an_engine(&input, &report, &listing);
    } else {
        assert!(!report.problems.listed().is_empty());
    }
}

fn verify_input(input: &Input) -> (Report, String) {
    let mut digest = ListingDigest::default();
    let report = verify(input, &ExpectedHead::unchecked(), &sample::clock(), &mut digest).unwrap();
    (report, digest.finish())
}

/// Import takes what is valid, and an export of it is the same repository in streaming order.
fn goes_through_an_engine(input: &Input, report: &Report, listing: &str) {
    // The clock of the verification: a revision between two clocks is of the future to one of them.
    let engine = sample::engine_with_clock(sample::clock());
    let options = ImportOptions::default().unverified();
    let imported = match engine.import(input, &options) {
        Ok(imported) => imported,
        // Only the version may stand in the way.
        Err(error) => {
            assert!(report.version == Some(2), "{error}");
            return;
        }
    };
    assert_eq!(Some(&imported.commit), report.commit.as_ref());
    assert_eq!(Some(imported.records), report.records);
    let mut exported = Vec::new();
    engine.export(&imported.did, &mut exported).unwrap();
    let (again, same) = verify_input(&Input::spill(&exported[..], "export").unwrap());
    assert!(again.is_valid());
    assert_eq!(same, listing);
    let facts = |report: &Report| {
        let Report { version, did, rev, commit, data, records, nodes, height, .. } = report.clone();
        (version, did, rev, commit, data, (records, nodes, height))
    };
    assert_eq!(facts(&again), facts(report));
    assert_eq!((again.order, again.unreferenced_blocks), (Some(Order::Streaming), Some(0)));
    assert!(engine.scrub(Progress::none()).unwrap().is_valid());
}
