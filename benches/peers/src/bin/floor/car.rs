//! All blocks of a CAR by their CIDs, each hashed.

use super::{Result, cbor};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Version 1, DAG-CBOR, SHA-256: the only CIDs that records and nodes have.
pub type Cid = [u8; 36];
pub type Blocks<'f> = HashMap<Cid, &'f [u8]>;

/// The root and the blocks.
pub fn read(file: &[u8]) -> Result<(Cid, Blocks<'_>)> {
    let mut rest = file;
    let header = section(&mut rest).ok_or("the header is cut off")?;
    let root = cbor::root_of_header(header).ok_or("the header is none")?;
    let mut blocks = HashMap::new();
    while !rest.is_empty() {
        let section = section(&mut rest).ok_or("a section is cut off")?;
        let (cid, block) = section.split_first_chunk::<36>().ok_or("a section without a CID")?;
        let digest = Sha256::digest(block);
        if cid[..4] != [0x01, 0x71, 0x12, 0x20] || cid[4..] != digest[..] {
            return Err("a block is not what its CID says".into());
        }
        blocks.insert(*cid, block);
    }
    Ok((root, blocks))
}

/// The next bytes that have their length in front of them.
fn section<'f>(rest: &mut &'f [u8]) -> Option<&'f [u8]> {
    let mut length = 0_usize;
    for place in 0..4 {
        let byte = *rest.split_off_first()?;
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return rest.split_off(..length);
        }
    }
    None
}
