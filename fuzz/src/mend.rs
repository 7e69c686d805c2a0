//! Repairs the hashes of a CAR that has been tampered with.

use carrack::car::Reader;
use memchr::memmem;
use sha2::{Digest, Sha256};
use std::ops::Range;

/// Sections beyond this are left as they are: repairs must not be slower than what they serve.
const SECTIONS_MAX: usize = 400;
const PASSES_MAX: usize = 6;

/// Gives every section of the CAR at `car` in `buffer` the CID that its bytes hash to, and puts
/// the new CID wherever the old one stood, in all of `buffer`. In a CAR whose links go one way
/// this ends with links that lead where they led before.
pub fn rehash(buffer: &mut [u8], car: Range<usize>) {
    let Some(sections) = sections(buffer, car) else { return };
    for _ in 0..PASSES_MAX {
        let mut changed = false;
        // In streaming order what is linked to comes later: from the back, one pass is enough.
        for (digest_at, content) in sections.iter().rev() {
            let new: [u8; 32] = Sha256::digest(&buffer[content.clone()]).into();
            let old: [u8; 32] = buffer[*digest_at..*digest_at + 32].try_into().unwrap();
            if old != new {
                changed = true;
                replace(buffer, &old, &new);
            }
        }
        if !changed {
            return;
        }
    }
}

/// Where each section's digest begins, and where its bytes are.
fn sections(buffer: &[u8], car: Range<usize>) -> Option<Vec<(usize, Range<usize>)>> {
    let mut reader = Reader::new(&buffer[car.clone()]).ok()?;
    let mut sections = Vec::new();
    while let Ok(Some(frame)) = reader.next_section() {
        if sections.len() == SECTIONS_MAX {
            return None;
        }
        let end = car.start + usize::try_from(frame.offset).ok()? + frame.length();
        let start = end - frame.bytes().len();
        if frame.cid.blessed().is_some() {
            sections.push((start - 32, start..end));
        }
    }
    Some(sections)
}

fn replace(buffer: &mut [u8], old: &[u8; 32], new: &[u8; 32]) {
    let found: Vec<usize> = memmem::find_iter(buffer, old).collect();
    for at in found {
        buffer[at..at + 32].copy_from_slice(new);
    }
}
