//! Records as accounts have them: mostly likes, many posts, some reposts and follows.

use carrack::block::{Block, json};
use carrack::ident::Rev;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng};
use serde_json::{Value, json};

const FIRST_MICROS: u64 = 1_700_000_000_000_000;
const STEP_MICROS: u64 = 47_000_000;
const CLOCK: u16 = 5;

const WORDS: [&str; 16] = [
    "wind",
    "harbour",
    "and",
    "the",
    "sail",
    "a",
    "nobody",
    "rope",
    "of",
    "salt",
    "northward",
    "is",
    "keel",
    "evening",
    "we",
    "islands",
];

/// Numbers from a seed.
pub struct Rng(SplitMix64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(SplitMix64::seed_from_u64(seed))
    }

    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("a number below a usize")
    }
}

/// A revision later than that of every record of a repository of this size.
pub fn rev_after(records: u64) -> Rev {
    rev(FIRST_MICROS + records * STEP_MICROS)
}

/// Path and bytes of record number `n`.
pub fn record(n: u64) -> (String, Vec<u8>) {
    let mut rng = Rng::new(n.wrapping_mul(0xd134_2543_de82_ef95));
    let rkey = rev(FIRST_MICROS + n * STEP_MICROS + rng.next() % STEP_MICROS).to_string();
    let (collection, mut value) = match rng.below(20) {
        0..10 => ("app.bsky.feed.like", json!({ "subject": subject(&mut rng, &rkey) })),
        10..15 => ("app.bsky.feed.post", post(&mut rng, &rkey)),
        15..18 => ("app.bsky.feed.repost", json!({ "subject": subject(&mut rng, &rkey) })),
        _ => ("app.bsky.graph.follow", json!({ "subject": account(&mut rng) })),
    };
    value["$type"] = collection.into();
    value["createdAt"] = format!("2026-0{}-1{}T09:26:53.589Z", 1 + n % 9, n % 10).into();
    let bytes = json::from_json(&value).expect("a record within the data model");
    (format!("{collection}/{rkey}"), bytes)
}

fn rev(micros: u64) -> Rev {
    Rev::from_micros(micros, CLOCK).expect("a time within a revision's range")
}

fn post(rng: &mut Rng, rkey: &str) -> Value {
    let count = 4 + rng.below(47);
    let words: Vec<&str> = (0..count).map(|_| WORDS[rng.below(WORDS.len())]).collect();
    let mut post = json!({ "text": words.join(" "), "langs": ["en"] });
    if rng.below(4) == 0 {
        let (root, parent) = (subject(rng, rkey), subject(rng, rkey));
        post["reply"] = json!({ "root": root, "parent": parent });
    }
    post
}

fn subject(rng: &mut Rng, rkey: &str) -> Value {
    let cid = Block::dag_cbor(rng.next().to_be_bytes().to_vec()).cid().to_string();
    json!({ "cid": cid, "uri": format!("at://{}/app.bsky.feed.post/{rkey}", account(rng)) })
}

fn account(rng: &mut Rng) -> String {
    const DIGITS: [u8; 32] = *b"abcdefghijklmnopqrstuvwxyz234567";
    let digits = (0..24).map(|_| char::from(DIGITS[rng.below(32)]));
    format!("did:plc:{}", digits.collect::<String>())
}
