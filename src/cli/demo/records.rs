use carrack::block::{Cid, Codec};
use carrack::engine::{Op, Record};
use carrack::env::{Clock, ManualClock, Random, SeededRandom};
use carrack::event::Timestamp;
use carrack::ident::{Did, RepoPath, Rev};
use data_encoding::BASE32_NOPAD;
use serde_json::{Value, json};
use std::sync::Arc;

/// Records like those of a person: a profile, then posts, likes and follows, minutes apart. The
/// same each time, but for the clock.
pub(in crate::cli) struct DemoRecords {
    random: SeededRandom,
    clock: Arc<ManualClock>,
    did: Did,
    made: u64,
    last_post: Option<(RepoPath, Cid)>,
}

/// Seconds between two records, at most: an average of one and a half minutes.
const PAUSE_SECONDS_MAX: u64 = 180;
const WORDS: [&str; 24] = [
    "the", "tide", "turned", "before", "dawn", "and", "we", "made", "sail", "with", "a", "fair",
    "wind", "from", "west", "all", "hands", "on", "deck", "land", "ho", "under", "bright", "stars",
];

impl DemoRecords {
    pub(in crate::cli) fn new(clock: Arc<ManualClock>, did: Did) -> Self {
        Self { random: SeededRandom::new(1), clock, did, made: 0, last_post: None }
    }

    /// The next record, later than the one before.
    pub(in crate::cli) fn create(&mut self) -> carrack::Result<Op> {
        let seconds = 1 + self.draw(PAUSE_SECONDS_MAX)?;
        self.clock.advance(seconds * 1_000_000 + self.draw(1_000_000)?);
        self.made += 1;
        let (collection, record) = match self.draw(100)? {
            _ if self.made == 1 => return self.profile(),
            0..30 => ("app.bsky.feed.post", self.post()?),
            30..85 => ("app.bsky.feed.like", self.like()?),
            _ => ("app.bsky.graph.follow", self.follow()?),
        };
        let tid = Rev::from_micros(self.clock.now_micros(), 7)?;
        let path: RepoPath = format!("{collection}/{tid}").parse()?;
        let record = Record::from_json(&record)?;
        if collection == "app.bsky.feed.post" {
            self.last_post = Some((path.clone(), record.cid().clone()));
        }
        Ok(Op::create(path, record))
    }

    fn profile(&mut self) -> carrack::Result<Op> {
        let record = json!({
            "$type": "app.bsky.actor.profile",
            "displayName": "A. Mariner",
            "description": self.sentence(16)?,
            "createdAt": self.time(),
        });
        Ok(Op::create("app.bsky.actor.profile/self".parse()?, Record::from_json(&record)?))
    }

    fn post(&mut self) -> carrack::Result<Value> {
        let words = 4 + self.draw(30)?;
        let mut post = json!({
            "$type": "app.bsky.feed.post",
            "text": self.sentence(words)?,
            "langs": ["en"],
            "createdAt": self.time(),
        });
        // A third answers the post before it.
        if self.draw(3)? == 0
            && let Some((path, cid)) = &self.last_post
            && let Some(fields) = post.as_object_mut()
        {
            let parent = json!({
                "uri": format!("at://{}/{path}", self.did),
                "cid": cid.to_string(),
            });
            fields.insert("reply".to_owned(), json!({ "root": parent.clone(), "parent": parent }));
        }
        Ok(post)
    }

    fn like(&mut self) -> carrack::Result<Value> {
        let (did, rev, digest) = (self.random_did()?, self.draw(1 << 53)?, self.digest()?);
        let post = Rev::from_micros(rev, 3)?;
        Ok(json!({
            "$type": "app.bsky.feed.like",
            "subject": {
                "uri": format!("at://{did}/app.bsky.feed.post/{post}"),
                "cid": Cid::from_digest(Codec::DagCbor, digest).to_string(),
            },
            "createdAt": self.time(),
        }))
    }

    fn follow(&mut self) -> carrack::Result<Value> {
        Ok(json!({
            "$type": "app.bsky.graph.follow",
            "subject": self.random_did()?,
            "createdAt": self.time(),
        }))
    }

    fn sentence(&mut self, words: u64) -> carrack::Result<String> {
        let mut out = String::new();
        for _ in 0..words {
            let place = usize::try_from(self.draw(WORDS.len() as u64)?).unwrap_or_default();
            let gap = if out.is_empty() { "" } else { " " };
            out.extend([gap, WORDS.get(place).copied().unwrap_or_default()]);
        }
        Ok(out)
    }

    fn random_did(&mut self) -> carrack::Result<String> {
        let name = BASE32_NOPAD.encode(self.digest()?.first_chunk::<15>().unwrap_or(&[0; 15]));
        Ok(format!("did:plc:{}", name.to_ascii_lowercase()))
    }

    fn digest(&self) -> carrack::Result<[u8; 32]> {
        let mut digest = [0; 32];
        self.fill(&mut digest)?;
        Ok(digest)
    }

    fn draw(&self, below: u64) -> carrack::Result<u64> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes) % below.max(1))
    }

    fn fill(&self, out: &mut [u8]) -> carrack::Result<()> {
        let doing = || "reading randomness".to_owned();
        self.random.fill(out).map_err(|source| carrack::Error::Io { doing: doing(), source })
    }

    fn time(&self) -> String {
        Timestamp::from_micros(self.clock.now_micros()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_differ_and_repeat() {
        let made = || {
            let clock = Arc::new(ManualClock::new(1_735_689_600_000_000));
            let mut content = DemoRecords::new(clock, "did:web:a.example".parse().unwrap());
            (0..300).map(|_| content.create().unwrap()).collect::<Vec<_>>()
        };
        let ops = made();
        assert_eq!(ops, made());
        let paths: std::collections::BTreeSet<_> = ops.iter().map(Op::path).collect();
        assert_eq!(paths.len(), 300);
        let collections: std::collections::BTreeSet<_> =
            ops.iter().map(|op| op.path().collection()).collect();
        assert_eq!(collections.len(), 4);
    }
}
