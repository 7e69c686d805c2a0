//! `generate RECORDS FOLDER`: the repository of this many records, as RECORDS-streaming.car and
//! RECORDS-shuffled.car. `generate RECORDS FOLDER --damaged`: one that is whole, and four that are
//! each wrong in one respect, to see who notices. The same numbers always give the same bytes.

mod record;
mod tree;

use carrack::block::{Block, Cid};
use carrack::car::Writer;
use carrack::commit::{Commit, UnsignedCommit};
use carrack::ident::Rev;
use carrack::key::{Curve, SigningKey};
use carrack_peers::{DID, DID_KEY, PUBLIC, SECRET};
use record::{Rng, record, rev_after};
use std::error::Error;
use std::fs::File;
use std::path::Path;
use tree::{Item, Shape, Tree};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [records, folder] => pair(records.parse()?, Path::new(folder)),
        [records, folder, "--damaged"] => damaged(records.parse()?, Path::new(folder)),
        _ => Err("usage: generate RECORDS FOLDER [--damaged]".into()),
    }
}

fn pair(records: u64, folder: &Path) -> Result<()> {
    let mut tree = Tree::of(records, Shape::Right);
    let commit = sign(tree.root(), rev_after(records), &signing_key()?)?;
    let bytes = write(&folder.join(format!("{records}-streaming.car")), &commit, &tree, None)?;
    shuffle(tree.order_mut());
    write(&folder.join(format!("{records}-shuffled.car")), &commit, &tree, None)?;
    eprintln!("{records} records, {bytes} bytes, {} a record", bytes / records.max(1));
    Ok(())
}

fn damaged(records: u64, folder: &Path) -> Result<()> {
    let key = signing_key()?;
    let other = SigningKey::from_bytes(Curve::K256, &[8; 32])?;
    let files = [
        ("whole", Shape::Right, &key, None),
        ("hash", Shape::Right, &key, Some(records / 2)),
        ("order", Shape::TwoKeysSwapped, &key, None),
        ("layer", Shape::OneKeyTooHigh, &key, None),
        ("signature", Shape::Right, &other, None),
    ];
    for (name, shape, key, flipped) in files {
        let tree = Tree::of(records, shape);
        let commit = sign(tree.root(), rev_after(records), key)?;
        write(&folder.join(format!("{name}.car")), &commit, &tree, flipped)?;
    }
    Ok(())
}

fn signing_key() -> Result<SigningKey> {
    let key = SigningKey::from_bytes(Curve::K256, &SECRET)?;
    let public = key.verifying_key();
    if public.to_sec1() != PUBLIC || public.to_did_key() != DID_KEY {
        return Err("PUBLIC and DID_KEY are not of SECRET".into());
    }
    Ok(key)
}

fn sign(data: &Cid, rev: Rev, key: &SigningKey) -> Result<Commit> {
    Ok(UnsignedCommit { did: DID.parse()?, data: data.clone(), rev }.sign(key)?)
}

/// Writes the file and gives its length. Of the record that is to be flipped one bit is, and its
/// CID stays.
fn write(path: &Path, commit: &Commit, tree: &Tree, flipped: Option<u64>) -> Result<u64> {
    let mut car = Writer::new(File::create(path)?, std::slice::from_ref(commit.cid()))?;
    car.write(commit.cid(), commit.block().bytes())?;
    for item in tree.order() {
        match item {
            Item::Node(id) => car.write(tree.node(*id).cid(), tree.node(*id).bytes())?,
            Item::Record(number) => {
                let (_, mut bytes) = record(*number);
                let block = Block::dag_cbor(bytes.clone());
                // Within the last text of the record, whose form it leaves alone.
                let last = bytes.len() - 3;
                bytes[last] ^= u8::from(flipped == Some(*number));
                car.write(block.cid(), &bytes)?;
            }
        }
    }
    let length = car.bytes_written();
    car.finish()?;
    Ok(length)
}

fn shuffle(items: &mut [Item]) {
    let mut rng = Rng::new(11);
    for at in (1..items.len()).rev() {
        items.swap(at, rng.below(at + 1));
    }
}
