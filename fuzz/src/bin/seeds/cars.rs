use super::{Seeds, named};
use carrack::block::{Block, Cid};
use carrack::car::{Reader, Writer};
use carrack::commit::UnsignedCommit;
use carrack::engine::WriteOptions;
use carrack::ident::Rev;
use carrack::key::Signer;
use carrack::parts::drisl::Encoder;
use carrack::tree::{Entry, Key, Node, layer};
use carrack_fuzz::proof::RECORDS;
use carrack_fuzz::sample;

pub fn seeds() -> Seeds {
    let small = sample::export(&sample::engine_with(5));
    let large = sample::export(&sample::engine_with(60));
    let (roots, blocks) = read(&large);
    let reversed: Vec<Block> = blocks.iter().rev().cloned().collect();
    let mut shuffled = blocks.clone();
    shuffled.sort_by(|a, b| a.cid().cmp(b.cid()));
    let mut extra = blocks.clone();
    extra.push(Block::dag_cbor(sample::record(7, 7)));
    extra.insert(3, blocks[9].clone());
    let without = |place: usize| {
        let mut rest = blocks.clone();
        rest.remove(place);
        write(&roots, &rest)
    };
    let mut damaged = large.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let (small_roots, small_blocks) = read(&small);
    named(vec![
        ("nothing", Vec::new()),
        ("no-car", b"a file".to_vec()),
        ("header-alone", write(&small_roots, &[])),
        ("no-roots", write(&[], &small_blocks)),
        ("two-roots", write(&[small_roots[0].clone(), blocks[1].cid().clone()], &small_blocks)),
        ("empty-repository", sample::export(&sample::engine_with(0))),
        ("one-record", sample::export(&sample::engine_with(1))),
        ("five-records", small.clone()),
        ("sixty-records", large.clone()),
        ("newest-first", write(&roots, &reversed)),
        ("by-cid", write(&roots, &shuffled)),
        ("twice-and-unreferenced", write(&roots, &extra)),
        ("cut-short", small[..small.len() - 9].to_vec()),
        ("a-bit-flipped", damaged),
        ("without-root", without(1)),
        ("without-a-node", without(blocks.len() - 8)),
        ("without-a-record", without(blocks.len() - 1)),
        ("long-record", long_record()),
        ("same-record-twice", same_record_twice()),
        (
            "odd-records",
            built(&[
                (
                    "com.example.odd/float",
                    Block::dag_cbor(b"\xa1\x61n\xfb\x3f\xe0\0\0\0\0\0\0".to_vec()),
                ),
                ("com.example.odd/list", Block::dag_cbor(vec![0x80])),
                ("com.example.odd/raw", raw(b"no CBOR at all")),
            ]),
        ),
        (
            "bad-paths",
            built(&[
                ("no-slash", Block::dag_cbor(sample::record(1, 0))),
                ("two/slashes/here", Block::dag_cbor(sample::record(1, 1))),
            ]),
        ),
        ("version-2", version_2()),
    ])
}

/// Proofs of present and of absent paths, whole and with parts left out.
pub fn proofs() -> Seeds {
    let engine = sample::engine_with(RECORDS);
    let snapshot = engine.snapshot(&sample::did()).unwrap();
    let mut seeds = Vec::new();
    for number in [0, 1, 7, 30, 47, 48, 50, 77, 95] {
        let mut seed = u16::try_from(number).unwrap().to_le_bytes().to_vec();
        let present = snapshot.proof(&sample::path(number), &mut seed).unwrap();
        assert_eq!(present, number < RECORDS);
        let (roots, blocks) = read(&seed[2..]);
        for place in 0..blocks.len() {
            let mut rest = blocks.clone();
            rest.remove(place);
            let shorter = [&seed[..2], &write(&roots, &rest)].concat();
            if number < 2 || number == 48 {
                seeds.push((format!("path-{number}-without-{place}"), shorter));
            }
        }
        seeds.push((format!("path-{number}"), seed));
    }
    for number in 0..3 {
        let collection = sample::path(number).collection().parse().unwrap();
        let mut seed = u16::try_from(number).unwrap().to_le_bytes().to_vec();
        snapshot.prove_collection(&collection, &mut seed).unwrap();
        seeds.push((format!("collection-{number}"), seed));
    }
    let whole = sample::export(&engine);
    seeds.push(("whole".to_owned(), [&[60, 0], &whole[..]].concat()));
    seeds
}

fn read(car: &[u8]) -> (Vec<Cid>, Vec<Block>) {
    let mut reader = Reader::new(car).unwrap();
    let roots = reader.roots().to_vec();
    let next = || reader.next_section().unwrap().map(|frame| frame.into_block().unwrap());
    (roots, std::iter::from_fn(next).collect())
}

fn write(roots: &[Cid], blocks: &[Block]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), roots).unwrap();
    for block in blocks {
        writer.write(block.cid(), block.bytes()).unwrap();
    }
    writer.finish().unwrap()
}

/// A record that takes more than one row of the store.
fn long_record() -> Vec<u8> {
    let mut record = Encoder::new();
    record.map(1);
    record.text("x");
    record.bytes(&[7; 34_000]);
    let engine = sample::engine_with(3);
    sample::write(&engine, vec![sample::create(sample::path(3), record.finish())]);
    sample::export(&engine)
}

fn same_record_twice() -> Vec<u8> {
    let engine = sample::engine_with(4);
    let ops = (10..13).map(|n| sample::create(sample::path(n), sample::record(9, 9))).collect();
    engine.write(&sample::did(), ops, &WriteOptions::default(), &sample::key()).unwrap();
    sample::export(&engine)
}

fn raw(bytes: &[u8]) -> Block {
    Block::check(Cid::of(carrack::block::Codec::Raw, bytes), bytes.to_vec()).unwrap()
}

/// A signed repository of one node, which has to hold all of these paths; they are in order.
fn built(records: &[(&str, Block)]) -> Vec<u8> {
    let top = records.iter().map(|(path, _)| layer(path.as_bytes())).max().unwrap();
    let entries = records.iter().filter(|(path, _)| layer(path.as_bytes()) == top);
    let entries = entries.map(|(path, block)| Entry {
        key: Key::from(*path),
        value: block.cid().clone(),
        right: None,
    });
    let node = Block::dag_cbor(Node { left: None, entries: entries.collect() }.encode());
    let rev = Rev::from_micros(sample::NOW_MICROS, 1).unwrap();
    let unsigned = UnsignedCommit { did: sample::did(), data: node.cid().clone(), rev };
    let commit = unsigned.sign(&sample::key()).unwrap();
    let mut blocks = vec![commit.block().clone(), node];
    blocks.extend(records.iter().map(|(_, block)| block.clone()));
    write(std::slice::from_ref(commit.cid()), &blocks)
}

/// The old form of a commit, over an empty tree.
fn version_2() -> Vec<u8> {
    let node = Block::dag_cbor(Node::default().encode());
    let encode = |signature: Option<&[u8]>| {
        let mut to = Encoder::new();
        to.map(4 + usize::from(signature.is_some()));
        to.text("did");
        to.text(sample::did().as_str());
        if let Some(signature) = signature {
            to.text("sig");
            to.bytes(signature);
        }
        to.text("data");
        to.link(node.cid());
        to.text("prev");
        to.null();
        to.text("version");
        to.uint(2);
        to.finish()
    };
    let signature = sample::key().sign(&encode(None)).unwrap();
    let commit = Block::dag_cbor(encode(Some(&signature)));
    write(&[commit.cid().clone()], &[commit.clone(), node])
}
