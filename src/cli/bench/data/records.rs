use crate::cli::bench::data::rng::Rng;
use carrack::block::{Cid, Codec};
use carrack::event::Timestamp;
use carrack::ident::{Did, Rev};
use carrack::parts::drisl::Encoder;
use data_encoding::BASE32_NOPAD;

/// More are not made: the last would be dated after today.
pub(in crate::cli) const RECORDS_MAX: u64 = 20_000_000;
/// 2020-01-01.
const FIRST_MICROS: u64 = 1_577_836_800_000_000;
/// The time between two records. Each has a time in the lower half; those in the upper half are
/// absent.
const STEP_MICROS: u64 = 6_000_000;
/// The clock that numbers the records.
const CLOCK_ID: u16 = 11;

/// The records of one account, like those that accounts have: the same seed and number always give
/// the same record, so none has to be kept.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct GeneratedRecords {
    seed: u64,
}

/// What a record is, in the order of the collections' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) enum RecordKind {
    Like,
    Post,
    Repost,
    Follow,
}

impl RecordKind {
    /// In the order of their paths.
    pub(in crate::cli) const ALL: [Self; 4] = [Self::Like, Self::Post, Self::Repost, Self::Follow];

    fn collection(self) -> &'static str {
        match self {
            Self::Like => "app.bsky.feed.like",
            Self::Post => "app.bsky.feed.post",
            Self::Repost => "app.bsky.feed.repost",
            Self::Follow => "app.bsky.graph.follow",
        }
    }
}

impl GeneratedRecords {
    /// The account number `seed`.
    pub(in crate::cli) fn of(seed: u64) -> Self {
        Self { seed }
    }

    /// The account's name, which belongs to no real account.
    pub(in crate::cli) fn did(self) -> carrack::Result<Did> {
        Ok(random_did(&mut Rng::new(!self.seed)).parse()?)
    }

    /// The revision of a repository with this number of records.
    pub(in crate::cli) fn rev(records: u64) -> carrack::Result<Rev> {
        Ok(Rev::from_micros(FIRST_MICROS + records * STEP_MICROS, CLOCK_ID)?)
    }

    /// What record `number` is.
    pub(in crate::cli) fn kind(self, number: u64) -> RecordKind {
        self.begin(number).1
    }

    /// Where record `number` is. Within a collection, later numbers have later paths.
    pub(in crate::cli) fn path(self, number: u64) -> carrack::Result<String> {
        let (micros, kind, _) = self.begin(number);
        path_at(kind, micros)
    }

    /// Where there would be a record, and is none.
    pub(in crate::cli) fn absent_path(self, number: u64) -> carrack::Result<String> {
        let (micros, kind, _) = self.begin(number);
        path_at(kind, micros + STEP_MICROS / 2)
    }

    /// The record.
    pub(in crate::cli) fn bytes(self, number: u64) -> Vec<u8> {
        let (micros, kind, mut rng) = self.begin(number);
        let mut to = Encoder::with_capacity(320);
        if kind == RecordKind::Post {
            to.map(4);
            to.text("text");
            to.text(&sentence(&mut rng));
        } else {
            to.map(3);
        }
        to.text("$type");
        to.text(kind.collection());
        match kind {
            RecordKind::Post => {
                to.text("langs");
                to.array(1);
                to.text("en");
            }
            RecordKind::Follow => {
                to.text("subject");
                to.text(&random_did(&mut rng));
            }
            RecordKind::Like | RecordKind::Repost => subject(&mut to, &mut rng, micros),
        }
        to.text("createdAt");
        to.text(Timestamp::from_micros(micros).as_str());
        to.finish()
    }

    fn begin(self, number: u64) -> (u64, RecordKind, Rng) {
        let mut rng =
            Rng::new(self.seed.rotate_left(40) ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let micros = FIRST_MICROS + number * STEP_MICROS + rng.below(STEP_MICROS / 2);
        let kind = match rng.below(100) {
            0..55 => RecordKind::Like,
            55..75 => RecordKind::Post,
            75..90 => RecordKind::Repost,
            _ => RecordKind::Follow,
        };
        (micros, kind, rng)
    }
}

const WORDS: [&str; 12] = [
    "ahoy", "harbour", "the", "tide", "of", "a", "carrack", "salt", "wind", "under", "lantern",
    "morning",
];

fn path_at(kind: RecordKind, micros: u64) -> carrack::Result<String> {
    Ok(format!("{}/{}", kind.collection(), Rev::from_micros(micros, CLOCK_ID)?))
}

fn sentence(rng: &mut Rng) -> String {
    let mut text = String::with_capacity(240);
    for word in 0..3 + rng.below(40) {
        let place = usize::try_from(rng.below(WORDS.len() as u64)).unwrap_or_default();
        text.push_str(if word == 0 { "" } else { " " });
        text.push_str(WORDS.get(place).copied().unwrap_or_default());
    }
    text
}

/// A post of another account, as likes and reposts name it.
fn subject(to: &mut Encoder, rng: &mut Rng, micros: u64) {
    let digest = rng.bytes();
    let rkey = Rev::from_micros(micros.saturating_sub(rng.below(1 << 38)), 5);
    let rkey = rkey.map(|rkey| rkey.to_string()).unwrap_or_default();
    to.text("subject");
    to.map(2);
    to.text("cid");
    to.text(&Cid::from_digest(Codec::DagCbor, digest).to_string());
    to.text("uri");
    to.text(&format!("at://{}/app.bsky.feed.post/{rkey}", random_did(rng)));
}

fn random_did(rng: &mut Rng) -> String {
    let name: [u8; 15] = rng.bytes();
    format!("did:plc:{}", BASE32_NOPAD.encode(&name).to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrack::parts::drisl::check;

    #[test]
    fn records_are_records_and_repeat() {
        let records = GeneratedRecords::of(3);
        let mut bytes = 0;
        for number in 0..1000 {
            let record = records.bytes(number);
            check::record(&record).unwrap();
            assert_eq!(record, GeneratedRecords::of(3).bytes(number));
            assert_ne!(record, GeneratedRecords::of(4).bytes(number));
            bytes += record.len();
        }
        assert!((180_000..320_000).contains(&bytes), "{bytes} bytes");
    }

    #[test]
    fn paths_ascend_within_a_collection_and_absent_ones_are_between() {
        let records = GeneratedRecords::of(0);
        let mut last = std::collections::BTreeMap::new();
        for number in 0..1000 {
            let path = records.path(number).unwrap();
            let absent = records.absent_path(number).unwrap();
            assert!(path < absent);
            if let Some(before) = last.insert(records.kind(number), absent) {
                assert!(before < path);
            }
        }
        assert_eq!(last.len(), RecordKind::ALL.len());
    }
}
