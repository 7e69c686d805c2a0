//! Records as accounts have them: mostly likes, many posts, some reposts and follows.

use carrack::block::{Block, json};
use carrack::ident::Rev;
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

/// A generator of numbers (`SplitMix64`).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % limit as u64).expect("a number below a usize")
    }
}

/// A revision later than that of every record of a repository of this size.
pub fn rev_after(records: u64) -> Rev {
    rev(FIRST_MICROS + records * STEP_MICROS)
}

/// Path and bytes of record number `n`.
pub fn record(n: u64) -> (String, Vec<u8>) {
    let mut dice = Dice::new(n.wrapping_mul(0xd134_2543_de82_ef95));
    let rkey = rev(FIRST_MICROS + n * STEP_MICROS + dice.roll() % STEP_MICROS).to_string();
    let (collection, mut value) = match dice.below(20) {
        0..10 => ("app.bsky.feed.like", json!({ "subject": subject(&mut dice, &rkey) })),
        10..15 => ("app.bsky.feed.post", post(&mut dice, &rkey)),
        15..18 => ("app.bsky.feed.repost", json!({ "subject": subject(&mut dice, &rkey) })),
        _ => ("app.bsky.graph.follow", json!({ "subject": account(&mut dice) })),
    };
    value["$type"] = collection.into();
    value["createdAt"] = format!("2026-0{}-1{}T09:26:53.589Z", 1 + n % 9, n % 10).into();
    let bytes = json::from_json(&value).expect("a record within the data model");
    (format!("{collection}/{rkey}"), bytes)
}

fn rev(micros: u64) -> Rev {
    Rev::from_micros(micros, CLOCK).expect("a time within a revision's range")
}

fn post(dice: &mut Dice, rkey: &str) -> Value {
    let count = 4 + dice.below(47);
    let words: Vec<&str> = (0..count).map(|_| WORDS[dice.below(WORDS.len())]).collect();
    let mut post = json!({ "text": words.join(" "), "langs": ["en"] });
    if dice.below(4) == 0 {
        let (root, parent) = (subject(dice, rkey), subject(dice, rkey));
        post["reply"] = json!({ "root": root, "parent": parent });
    }
    post
}

fn subject(dice: &mut Dice, rkey: &str) -> Value {
    let cid = Block::dag_cbor(dice.roll().to_be_bytes().to_vec()).cid().to_string();
    json!({ "cid": cid, "uri": format!("at://{}/app.bsky.feed.post/{rkey}", account(dice)) })
}

fn account(dice: &mut Dice) -> String {
    const DIGITS: [u8; 32] = *b"abcdefghijklmnopqrstuvwxyz234567";
    let digits = (0..24).map(|_| char::from(DIGITS[dice.below(32)]));
    format!("did:plc:{}", digits.collect::<String>())
}
