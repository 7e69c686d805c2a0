//! CAR files of other implementations.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use crate::common::material::{fixtures, json_of};
use carrack::Code;
use carrack::block::Cid;
use carrack::car::{Reader, Section, Writer};

/// The roots, all sections, and the code of what ended them, if it was no proper end.
fn read_all(file: &[u8]) -> (Vec<Cid>, Vec<Section>, Option<Code>) {
    let mut reader = match Reader::new(file) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Vec::new(), Some(error.problems()[0].code)),
    };
    let mut sections = Vec::new();
    let end = loop {
        match reader.next_section() {
            Ok(Some(section)) => sections.push(section),
            Ok(None) => break None,
            Err(error) => break Some(error.problems()[0].code),
        }
    };
    (reader.roots().to_vec(), sections, end)
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn real_archives_read_whole_and_write_the_same() {
    let root = fixtures();
    let expected = json_of(root.join("expected.json"));
    let cars = expected["cars"].as_object().unwrap();
    assert!(cars.len() > 10);
    for (path, facts) in cars {
        let file = std::fs::read(root.join(path)).unwrap();
        let (roots, sections, end) = read_all(&file);
        if facts["car_version"] == 2 {
            assert_eq!((sections.len(), end), (0, Some(Code::NotACar)), "{path}");
            continue;
        }
        assert_eq!(end, None, "{path}");
        assert_eq!(sections.len() as u64, facts["blocks"].as_u64().unwrap(), "{path}");
        let texts: Vec<_> = roots.iter().map(Cid::to_string).collect();
        assert_eq!(serde_json::json!(texts), facts["roots"], "{path}");

        let mut writer = Writer::new(Vec::new(), &roots).unwrap();
        for section in sections {
            assert_eq!(writer.bytes_written(), section.offset);
            writer.write(&section.cid, section.bytes()).unwrap();
            section.into_block().unwrap();
        }
        assert!(writer.finish().unwrap() == file, "{path} is written otherwise");
    }
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn the_basic_archive_has_its_sections_where_it_should() {
    let root = fixtures();
    let file = std::fs::read(root.join("iroh-car/carv1_basic.car")).unwrap();
    let expected = json_of(root.join("rs-car/carv1-basic.json"));
    let (_, sections, end) = read_all(&file);
    let blocks = expected["blocks"].as_array().unwrap();
    assert_eq!((end, sections.len()), (None, blocks.len()));
    for (section, block) in sections.iter().zip(blocks) {
        assert_eq!(block["cid"]["/"], section.cid.to_string());
        assert_eq!(block["offset"], section.offset);
        assert_eq!(block["length"], section.length());
        assert_eq!(block["blockLength"], section.bytes().len());
    }
    let roots: Vec<_> = expected["header"]["roots"].as_array().unwrap().iter().collect();
    assert_eq!(roots.len(), 2);
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn broken_archives_are_refused_where_they_break() {
    let root = fixtures();
    for (name, expected) in [
        ("r04-truncated-mid-block", Code::Truncated),
        ("r10-zero-length-section", Code::BadSection),
    ] {
        let file = std::fs::read(root.join(format!("crafted/{name}.car"))).unwrap();
        let (_, sections, end) = read_all(&file);
        assert_eq!(end, Some(expected), "{name}");
        assert!(!sections.is_empty());
    }
    let file = std::fs::read(root.join("crafted/r01-record-bytes-tampered.car")).unwrap();
    let (_, sections, end) = read_all(&file);
    assert_eq!(end, None);
    let problems: Vec<_> =
        sections.into_iter().filter_map(|section| section.into_block().err()).collect();
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!(problem.code, Code::HashMismatch);
    assert!(problem.cid.is_some() && problem.offset.is_some());
}
