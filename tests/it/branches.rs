//! Bits that change in the pages above the entries of a table: no account that is there is said not
//! to be, and no event is left out in silence.
//!
//! Holds guarantee G24.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::pages::pages;
use crate::common::{Disk, did_of, key, open};
use carrack::{Engine, Error, ErrorKind};
use std::ops::Range;

const ACCOUNTS: u32 = 100;
/// What the database writes first into a page that leads to others.
const BRANCH: u8 = 2;

fn image() -> Vec<u8> {
    let disk = Disk::new();
    let engine = open(&disk).unwrap();
    for number in 0..ACCOUNTS {
        engine.create_account(&did_of(number), &key()).unwrap();
    }
    drop(engine);
    disk.image()
}

/// The bits of a table's branches that lead a search: counts, page numbers and keys. Checksums are
/// not looked at by a read.
fn leading_bits(image: &[u8], table: &str, key_bytes: usize) -> Vec<(usize, u8)> {
    let branches: Vec<Range<usize>> = pages(image).remove(table).unwrap().ranges;
    let mut bits = Vec::new();
    for page in branches.into_iter().filter(|page| image[page.start] == BRANCH) {
        let keys = usize::from(u16::from_le_bytes([image[page.start + 2], image[page.start + 3]]));
        let children = 8 + (keys + 1) * 16;
        let end = children + (keys + 1) * 8 + keys * key_bytes;
        let bytes = (0..8).chain(children..end.min(page.len()));
        bits.extend(bytes.flat_map(|byte| (0..8).map(move |bit| (page.start + byte, bit))));
    }
    assert!(bits.len() > 200, "{table}: {} bits", bits.len());
    bits
}

fn with_bit(image: &[u8], (byte, bit): (usize, u8)) -> carrack::Result<Engine> {
    let mut damaged = image.to_vec();
    damaged[byte] ^= 1 << bit;
    open(&Disk::holding(damaged))
}

fn assert_damage(error: &Error, what: &str) {
    assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Reopen), "{what}: {error}");
}

#[test]
fn an_account_that_is_there_is_never_absent() {
    let image = image();
    let mut noticed = 0;
    for bit in leading_bits(&image, "accounts", 36).into_iter().step_by(5) {
        let Ok(engine) = with_bit(&image, bit) else { continue };
        for number in 0..ACCOUNTS {
            if let Err(error) = engine.status(&did_of(number)) {
                assert_damage(&error, &format!("account {number}, bit {bit:?}"));
                noticed += 1;
            }
        }
        // The clean close commits, which meets the same pages.
        drop(engine);
    }
    assert!(noticed > 100, "{noticed}");
}

#[test]
fn no_event_is_left_out_in_silence() {
    let image = image();
    let last = open(&Disk::holding(image.clone())).unwrap().last_seq().unwrap();
    let mut noticed = 0;
    for bit in leading_bits(&image, "events", 8).into_iter().step_by(7) {
        let Ok(engine) = with_bit(&image, bit) else { continue };
        let mut told = vec![0; last as usize + 1];
        let mut events = engine.events(0).unwrap();
        loop {
            match events.next() {
                Ok(None) => break,
                Ok(Some(event)) => told[event.seq as usize] += 1,
                Err(Error::UnreadableEvents { first, last, .. }) => {
                    noticed += 1;
                    told[first as usize..=last as usize].iter_mut().for_each(|told| *told += 1);
                }
                Err(error) => {
                    assert_damage(&error, &format!("{bit:?}"));
                    told.fill(1);
                    break;
                }
            }
        }
        let wrong: Vec<_> = (1..=last).filter(|seq| told[*seq as usize] != 1).collect();
        assert!(wrong.is_empty(), "bit {bit:?}: {wrong:?}");
    }
    assert!(noticed > 50, "{noticed}");
}
