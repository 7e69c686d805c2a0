//! A frame that is lost, repeated, out of order or altered shows, and never changes a copy wrongly.
//! Holds guarantee G18.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::host::{Host, event, expect};
use crate::common::{Disk, Rng, assert_clean};
use carrack::block::Cid;
use carrack::error::Error;
use carrack::event::{Event, RepoOp};
use carrack::follow::{Followed, Mirror, Taken};
use carrack::ident::Rev;

type Outcome = carrack::Result<Taken<Followed>>;

/// A history, what an honest mirror makes of it, and the copies before each frame.
struct Voyage {
    host: Host,
    frames: Vec<Vec<u8>>,
    outcomes: Vec<Followed>,
    images: Vec<Vec<u8>>,
}

impl Voyage {
    fn new(mut host: Host, frames: Vec<Vec<u8>>) -> Self {
        let disk = Disk::new();
        let (mut outcomes, mut images) = (Vec::new(), Vec::new());
        for (at, frame) in frames.iter().enumerate() {
            // The image is taken while the store is closed.
            let copies = crate::common::open(&disk).unwrap();
            drop(copies);
            images.push(disk.image());
            let copies = crate::common::open(&disk).unwrap();
            let taken = Mirror::after(&copies, at as u64).take(frame, &expect()).unwrap();
            outcomes.push(taken.outcome);
        }
        host.news();
        Self { host, frames, outcomes, images }
    }

    /// Lets a mirror take these frames in place of all from number `at` on, and says whether it
    /// noticed with the first or the second one.
    fn run(&mut self, at: usize, stream: &[Vec<u8>], recover: Option<bool>) -> bool {
        let disk = Disk::holding(self.images[at].clone());
        let copies = crate::common::open(&disk).unwrap();
        let mut mirror = Mirror::after(&copies, at as u64);
        let mut noticed = false;
        for (place, frame) in stream.iter().enumerate() {
            let outcome = mirror.take(frame, &expect());
            let honest = self.outcomes.get(at + place);
            noticed |= place < 2 && is_trouble(&outcome, honest);
            self.host.check_head(&copies);
        }
        assert_clean(&copies);
        if let Some(by_diff) = recover {
            self.host.recover(&copies, by_diff);
        }
        noticed
    }
}

/// Whether an outcome tells of trouble that the honest one has not.
fn is_trouble(outcome: &Outcome, honest: Option<&Followed>) -> bool {
    match outcome {
        Err(error) => {
            assert!(matches!(error, Error::Refused(_)), "{error}");
            true
        }
        Ok(taken) if taken.missed > 0 => true,
        Ok(taken) => {
            matches!(taken.outcome, Followed::Ignored(_) | Followed::OutOfSync(_))
                && Some(&taken.outcome) != honest
        }
    }
}

fn mixed(seed: u64, steps: u64) -> Voyage {
    let mut host = Host::new(seed);
    (0..steps).for_each(|_| host.step());
    let frames = host.news();
    Voyage::new(host, frames)
}

/// Without, twice, and swapped with the next one.
fn disturbed(frames: &[Vec<u8>], at: usize) -> Vec<Vec<Vec<u8>>> {
    let rest = frames[at..].to_vec();
    let twice = [&rest[..1], &rest[..]].concat();
    let mut all = vec![twice];
    // Nobody can know that the last one is missing.
    if rest.len() > 1 {
        let mut swapped = rest.clone();
        swapped.swap(0, 1);
        all.extend([rest[1..].to_vec(), swapped]);
    }
    all
}

#[test]
fn an_event_that_is_lost_repeated_or_out_of_order_shows_and_can_be_mended() {
    for seed in 10..13 {
        let mut voyage = mixed(seed, 9);
        let frames = voyage.frames.clone();
        for at in 0..frames.len() {
            for (way, stream) in disturbed(&frames, at).iter().enumerate() {
                assert!(voyage.run(at, stream, Some((at + way) % 2 == 0)), "{seed} {at} {way}");
            }
        }
    }
}

/// The numbers of the stream do not help here: the chain of commits shows it.
#[test]
fn commits_are_missed_without_numbers_too() {
    let mut host = Host::new(20);
    (0..8).for_each(|step| if step == 5 { host.commit(Vec::new()) } else { host.write() });
    let mut frames = host.news();
    frames.retain(|frame| matches!(event(frame), Event::Commit(_)));
    let numbered = |frames: &[Vec<u8>], from: usize| -> Vec<Vec<u8>> {
        let renumber = |(place, frame): (usize, &Vec<u8>)| {
            let mut event = event(frame);
            event.set_seq((from + place + 1) as u64);
            event.encode()
        };
        frames.iter().enumerate().map(renumber).collect()
    };
    let frames = numbered(&frames, 0);
    let mut voyage = Voyage::new(host, frames.clone());
    for at in 0..frames.len() {
        for (way, stream) in disturbed(&frames, at).iter().enumerate() {
            assert!(voyage.run(at, &numbered(stream, at), Some(way % 2 == 0)), "{at} {way}");
        }
    }
}

/// The same commit event with one field changed, in each way that can still be encoded.
fn altered(original: &Event) -> Vec<Event> {
    let Event::Commit(commit) = original else { return Vec::new() };
    let other = Cid::of(carrack::block::Codec::DagCbor, b"another");
    let earlier = Rev::from_micros(commit.rev.micros() - 1_000_000, 3).unwrap();
    let later = Rev::from_u64(commit.rev.as_u64() + 1).unwrap();
    let mut all = vec![commit.clone(); 9];
    all[0].since = Some(earlier);
    all[1].since = None;
    all[2].prev_data = Some(other.clone());
    all[3].prev_data = None;
    all[4].rev = later;
    all[5].commit = other.clone();
    drop(all[6].ops.pop());
    all[7]
        .ops
        .push(RepoOp::Create { path: "com.example.none/1".parse().unwrap(), cid: other.clone() });
    if let Some(RepoOp::Create { cid, .. } | RepoOp::Update { cid, .. }) = all[8].ops.first_mut() {
        *cid = other.clone();
    }
    if let Some(RepoOp::Delete { prev, .. }) = all[8].ops.first_mut() {
        *prev = other;
    }
    all.into_iter().map(Event::Commit).filter(|event| event != original).collect()
}

#[test]
fn an_altered_field_shows_at_once() {
    let mut voyage = mixed(30, 9);
    let frames = voyage.frames.clone();
    let mut tried = 0;
    for at in 0..frames.len() {
        for changed in altered(&event(&frames[at])) {
            let mut stream = frames[at..].to_vec();
            stream[0] = changed.encode();
            let alone = &stream[..1];
            assert!(voyage.run(at, alone, None), "{at}: {changed:?}");
            voyage.run(at, &stream, Some(tried % 2 == 0));
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
}

#[test]
fn a_flipped_bit_shows_or_says_nothing_about_the_repository() {
    let mut voyage = mixed(40, 12);
    let frames = voyage.frames.clone();
    let (mut rng, mut noticed) = (Rng::new(1), 0);
    for at in 0..frames.len() {
        let mut original = event(&frames[at]);
        // What is not signed can be altered at will.
        if !matches!(original, Event::Commit(_) | Event::Sync(_)) {
            continue;
        }
        // Fields come before blocks: half of the flips hit them.
        for flip in 0..40 {
            let bytes = if flip % 2 == 0 { frames[at].len() } else { frames[at].len().min(600) };
            let place = rng.below(bytes as u64) as usize;
            let mut stream = frames[at..frames.len().min(at + 2)].to_vec();
            stream[0][place] ^= 1 << rng.below(8);
            if voyage.run(at, &stream, None) {
                noticed += 1;
                continue;
            }
            let mut changed = event(&stream[0]);
            match (&mut original, &mut changed) {
                (Event::Commit(a), Event::Commit(b)) => b.time = a.time.clone(),
                (Event::Sync(a), Event::Sync(b)) => b.time = a.time.clone(),
                _ => panic!("another type"),
            }
            assert_eq!(original, changed, "event {at}, byte {place}");
        }
    }
    assert!(noticed > 200, "{noticed}");
}
