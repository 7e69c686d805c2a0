//! A host whose account lives a random life, and what its followers are held against.

use super::mined::MINED;
use super::{Rng, did, key, record};
use crate::common::{car_input, create_op, update_op};
use carrack::block::Cid;
use carrack::engine::{Engine, Op, State, WriteOptions};
use carrack::event::{Event, Frame, decode_frame};
use carrack::follow::{Followed, Mirror};
use carrack::ident::Rev;
use carrack::verify::{ExpectedHead, Input};
use std::collections::{BTreeMap, BTreeSet};

/// An account at its host, with all heads that it ever had.
pub struct Host {
    pub engine: Engine,
    rng: Rng,
    paths: BTreeSet<usize>,
    pub heads: BTreeMap<Rev, (Cid, Cid)>,
    seen: u64,
}

impl Host {
    pub fn new(seed: u64) -> Self {
        let engine = super::engine_with_account();
        let (rng, heads) = (Rng::new(seed), BTreeMap::new());
        let mut host = Self { engine, rng, paths: BTreeSet::new(), heads, seen: 0 };
        host.remember();
        host
    }

    fn remember(&mut self) {
        let status = self.engine.status(&did()).unwrap();
        self.heads.insert(status.rev.unwrap(), (status.commit.unwrap(), status.data.unwrap()));
    }

    /// One change: mostly of records; sometimes of nothing, of identity, of state.
    pub fn step(&mut self) {
        match self.rng.below(12) {
            0 => self.commit(Vec::new()),
            1 => drop(self.engine.announce_identity(&did(), Some("ahoy.example")).unwrap()),
            2 => {
                self.engine.set_state(&did(), State::Deactivated).unwrap();
                self.engine.set_state(&did(), State::Active).unwrap();
            }
            _ => self.write(),
        }
    }

    pub fn write(&mut self) {
        let paths = MINED.concat();
        let mut chosen = BTreeSet::new();
        for _ in 0..=self.rng.below(12) {
            chosen.insert(self.rng.below(paths.len() as u64) as usize);
        }
        let ops = chosen.into_iter().map(|number| {
            let bytes = [20, 60, 300, 9_000][self.rng.below(4) as usize];
            let record = record(bytes, self.rng.below(9));
            let path = paths[number].clone();
            match (self.paths.contains(&number), self.rng.below(2)) {
                (false, _) => {
                    self.paths.insert(number);
                    create_op(path, record)
                }
                (true, 0) => update_op(path, record),
                (true, _) => {
                    self.paths.remove(&number);
                    Op::delete(path)
                }
            }
        });
        let ops = ops.collect();
        self.commit(ops);
    }

    pub fn commit(&mut self, ops: Vec<Op>) {
        let options = WriteOptions::default().commit_anyway(true);
        self.engine.write(&did(), ops, &options, &key()).unwrap();
        self.remember();
    }

    /// Frames since the last call.
    pub fn news(&mut self) -> Vec<Vec<u8>> {
        let mut events = self.engine.events(self.seen).unwrap();
        let mut frames = Vec::new();
        while let Some(event) = events.next().unwrap() {
            frames.push(event.frame());
        }
        self.seen = events.cursor();
        frames
    }

    /// The copy has a head of this host's, with its tree.
    #[track_caller]
    pub fn check_head(&self, copies: &Engine) {
        let Ok(status) = copies.status(&did()) else { return };
        let Some(rev) = status.rev else { return };
        assert_eq!(self.heads[&rev], (status.commit.unwrap(), status.data.unwrap()));
    }

    #[track_caller]
    pub fn check_same(&self, copies: &Engine) {
        let [here, there] = [&self.engine, copies].map(|engine| engine.status(&did()).unwrap());
        assert_eq!((here.commit, here.data, here.rev), (there.commit, there.data, there.rev));
        assert_eq!(
            (here.records, here.blocks, here.bytes),
            (there.records, there.blocks, there.bytes)
        );
        let [here, there] =
            [&self.engine, copies].map(|engine| engine.rows_digest(&did()).unwrap());
        assert_eq!(here, there);
    }

    /// Brings a copy back, and follows on.
    pub fn recover(&mut self, copies: &Engine, by_diff: bool) {
        let status = copies.status(&did()).ok();
        let mut car = Vec::new();
        match status.and_then(|status| status.rev.zip(status.commit)) {
            Some((rev, head)) if by_diff => {
                self.engine.export_since(&did(), rev, &mut car).unwrap();
                let options = super::with_key().replace(head);
                copies.apply_diff(&car_input(&car[..]), &options).unwrap();
            }
            _ => {
                self.engine.export(&did(), &mut car).unwrap();
                let input = Input::spill(&car[..], "a test").unwrap();
                Mirror::new(copies).recover(&input, &did(), &expect()).unwrap();
            }
        }
        self.check_same(copies);
        self.news();
        self.write();
        let mut mirror = Mirror::new(copies);
        let rev = *self.heads.last_key_value().unwrap().0;
        let [frame] = &self.news()[..] else { panic!("one commit, one event") };
        let taken = mirror.take(frame, &expect()).unwrap();
        assert_eq!(taken.outcome, Followed::Applied { rev });
        self.check_same(copies);
    }
}

pub fn expect() -> ExpectedHead {
    ExpectedHead::signed_by([key().verifying_key()])
}

pub fn event(frame: &[u8]) -> Event {
    match decode_frame(frame).unwrap() {
        Frame::Event(event) => event,
        Frame::Unknown(why) => panic!("{why:?}"),
    }
}
