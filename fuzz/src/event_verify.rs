//! A frame that is found valid says what it says in one way only, and holds together: its head is
//! the commit in it, its ops are in the tree, and undoing them leads to the tree before.

use crate::{mend, sample};
use carrack::block::{Block, Cid};
use carrack::car::Reader;
use carrack::commit::Commit;
use carrack::event::{CommitEvent, Event, Frame, Verdict, decode_frame, verify_frame};
use carrack::key::SignatureStatus;
use carrack::parts::tree::Tree;
use carrack::parts::tree::invert;
use carrack::tree::Key;
use carrack::verify::ExpectedHead;
use memchr::memmem;
use std::collections::HashMap;

/// Gives blocks right hashes, and sometimes names the tree before that the ops lead back to.
pub fn mutate(data: &mut [u8], size: usize, seed: u32) -> usize {
    if seed.is_multiple_of(3) {
        return size;
    }
    let Some(event) = commit_event(&data[..size]) else { return size };
    if let Some(start) = memmem::find(&data[..size], &event.blocks) {
        mend::rehash(&mut data[..size], start..start + event.blocks.len());
    }
    let mended = commit_event(&data[..size]).and_then(name_tree_before);
    match mended.filter(|frame| seed % 3 == 1 && frame.len() <= data.len()) {
        Some(frame) => {
            data[..frame.len()].copy_from_slice(&frame);
            frame.len()
        }
        None => size,
    }
}

pub fn check(data: &[u8]) {
    let clock = sample::clock();
    let report = verify_frame(data, &ExpectedHead::unchecked(), &clock);
    let frame = decode_frame(data);
    match (report.verdict, &frame) {
        (Verdict::Ignored, Ok(Frame::Unknown(_))) => {}
        (Verdict::Valid, Ok(Frame::Event(event))) => valid(event),
        (Verdict::Invalid, Err(_) | Ok(Frame::Event(_))) => {
            assert!(!report.problems.is_empty());
        }
        (verdict, frame) => panic!("{verdict:?} of {frame:?}"),
    }
    if report.verdict == Verdict::Valid {
        assert!(report.problems.is_empty());
    }
    // A key can only make things worse.
    let expect = ExpectedHead::signed_by([sample::key().verifying_key()]).did(sample::did());
    let strict = verify_frame(data, &expect, &clock);
    if strict.verdict == Verdict::Valid {
        assert_eq!(report.verdict, Verdict::Valid);
        assert_eq!(strict.did, Some(sample::did()));
        let signed = matches!(frame, Ok(Frame::Event(Event::Commit(_) | Event::Sync(_))));
        assert_eq!(strict.signature, signed.then_some(SignatureStatus::Valid));
    }
}

fn valid(event: &Event) {
    let encoded = event.encode();
    assert_eq!(decode_frame(&encoded).unwrap(), Frame::Event(event.clone()));
    let again = verify_frame(&encoded, &ExpectedHead::unchecked(), &sample::clock());
    assert_eq!(again.verdict, Verdict::Valid);
    assert_eq!((again.seq, again.did.as_ref()), (Some(event.seq()), Some(event.did())));
    if let Event::Commit(event) = event {
        holds_together(event);
    }
}

fn holds_together(event: &CommitEvent) {
    let mut blocks = blocks(event).expect("the blocks of a valid event can be read");
    let commit = Commit::decode(&blocks[&event.commit]).unwrap();
    assert_eq!((commit.did(), commit.rev()), (&event.did, Some(event.rev)));
    assert!(event.since.is_none_or(|since| since < event.rev));
    let before = invert(commit.data(), &event.ops, &mut blocks);
    match &event.prev_data {
        // Nothing changed: no node is needed.
        Some(prev) if event.ops.is_empty() => assert_eq!(prev, commit.data()),
        Some(prev) => assert_eq!(&before.unwrap(), prev),
        None => assert_eq!(before.unwrap(), Tree::empty().seal()),
    }
    let mut tree = Tree::at(commit.data().clone(), None);
    for op in &event.ops {
        let key = Key::from(op.path().as_bytes());
        assert_eq!(tree.find(&key, &mut blocks).unwrap().as_ref(), op.cid());
        assert!(op.cid().is_none_or(|cid| blocks.contains_key(cid)));
    }
}

fn commit_event(data: &[u8]) -> Option<CommitEvent> {
    match decode_frame(data) {
        Ok(Frame::Event(Event::Commit(event))) => Some(event),
        _ => None,
    }
}

fn blocks(event: &CommitEvent) -> Option<HashMap<Cid, Block>> {
    let mut reader = Reader::new(&event.blocks[..]).ok()?;
    let mut blocks = HashMap::new();
    while let Some(frame) = reader.next_section().ok()? {
        let block = frame.into_block().ok()?;
        blocks.insert(block.cid().clone(), block);
    }
    Some(blocks)
}

fn name_tree_before(mut event: CommitEvent) -> Option<Vec<u8>> {
    let mut blocks = blocks(&event)?;
    let commit = Commit::decode(blocks.get(&event.commit)?).ok()?;
    event.prev_data = Some(invert(commit.data(), &event.ops, &mut blocks).ok()?);
    Some(Event::Commit(event).encode())
}
