use crate::cli::answer::Answer;
use crate::cli::demo::identity::Identity;
use crate::cli::demo::records::DemoRecords;
use crate::cli::demo::transcript::{Throughput, Transcript, timed};
use crate::cli::environment::{engine_options, random};
use crate::cli::failure::Failure;
use crate::cli::io::progress::Bar;
use crate::cli::text::{count, things};
use carrack::Error;
use carrack::block::Cid;
use carrack::engine::{List, WriteOptions};
use carrack::env::{Clock, ManualClock};
use carrack::ident::{Did, Rev};
use carrack::key::{Curve, SigningKey};
use carrack::limits::EVENT_OPS_MAX;
use carrack::migrate::{MigrateOptions, Migrated, migrate};
use carrack::verify::{ExpectedHead, Input, ListingDigest, Report, verify};
use carrack::{Engine, Progress};
use clap::Args;
use serde::Serialize;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

#[derive(Debug, Args)]
pub(in crate::cli) struct DemoArgs {
    /// Number of records in the account
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    records: u64,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// 2025-01-01: the demo's clock starts here.
const START_MICROS: u64 = 1_735_689_600_000_000;

pub(in crate::cli) fn run(args: &DemoArgs) -> Result<Answer, Failure> {
    let folder =
        tempfile::tempdir().map_err(|error| Failure::io("making a temporary folder", &error))?;
    let mut demo = Demo::begin(folder.path(), args.json)?;
    demo.life(args.records)?;
    demo.passage()?;
    demo.proof(&folder.path().join("account.car"))?;
    demo.end()
}

/// The account at the end.
#[derive(Serialize)]
struct DemoFacts<'a> {
    did: &'a Did,
    commit: Option<Cid>,
    rev: Option<Rev>,
    records: u64,
}

struct Demo {
    page: Transcript,
    clock: Arc<ManualClock>,
    old: Engine,
    new: Engine,
    old_key: SigningKey,
    new_key: SigningKey,
    identity: Identity,
    content: DemoRecords,
    did: Did,
}

impl Demo {
    fn begin(folder: &Path, json: bool) -> carrack::Result<Self> {
        let clock = Arc::new(ManualClock::new(START_MICROS));
        let options = engine_options().clock(clock.clone());
        let old_key = SigningKey::generate(Curve::K256, &*random())?;
        let identity = Identity::new(&old_key.verifying_key(), &*clock)?;
        let did = identity.did().clone();
        Ok(Self {
            page: Transcript::new(json),
            old: Engine::open_with(folder.join("old.redb"), &options)?,
            new: Engine::open_with(folder.join("new.redb"), &options)?,
            new_key: SigningKey::generate(Curve::P256, &*random())?,
            content: DemoRecords::new(Arc::clone(&clock), did.clone()),
            old_key,
            identity,
            did,
            clock,
        })
    }

    /// Creates the account and writes its records.
    fn life(&mut self, records: u64) -> Result<(), Failure> {
        self.page.part("An account is made, and writes posts, likes and follows")?;
        self.page.step("account", &self.did)?;
        self.page.step("key", self.old_key.verifying_key())?;
        self.old.create_account(&self.did, &self.old_key)?;
        let ((), seconds) = timed(|| self.write(records))?;
        let bytes = self.old.status(&self.did)?.bytes;
        self.page.pace("write", Throughput { seconds, records, bytes })?;
        let commits = records.div_ceil(EVENT_OPS_MAX as u64);
        let claim = format!("{} signed, and on disk one by one", things(commits, "commit"));
        self.page.step("", claim)?;
        self.scrub(true, "scrub")
    }

    fn write(&mut self, records: u64) -> carrack::Result<()> {
        let bar = Bar::records_so_far("writing");
        let mut left = records;
        while left > 0 {
            let batch = left.min(EVENT_OPS_MAX as u64);
            let ops = (0..batch).map(|_| self.content.create()).collect::<carrack::Result<_>>()?;
            self.old.write(&self.did, ops, &WriteOptions::default(), &self.old_key)?;
            left -= batch;
            bar.set(records - left);
        }
        Ok(())
    }

    /// Moves the account.
    fn passage(&mut self) -> Result<(), Failure> {
        self.page.part("It moves to another engine, under a new key")?;
        let (to, signer) = ("https://new.example", &self.new_key);
        self.clock.advance(1_000_000);
        let moved = {
            let bar = Bar::bytes("moving", self.old.status(&self.did)?.bytes);
            let progress = |bytes| bar.set(bytes);
            let options = MigrateOptions::new(to, signer).progress(Progress::to(&progress));
            migrate(&self.old, &self.new, &self.did, &options)?
        };
        self.identity.switch(&self.new_key.verifying_key(), &*self.clock)?;
        self.page.step("key", self.new_key.verifying_key())?;
        let (records, bytes) = (moved.records, moved.bytes);
        self.page.pace("move", Throughput { seconds: moved.seconds, records, bytes })?;
        self.page.step("revision", revisions(&moved))?;
        self.scrub(true, "scrub old")?;
        self.scrub(false, "scrub new")
    }

    fn scrub(&mut self, old: bool, name: &str) -> Result<(), Failure> {
        let engine = if old { &self.old } else { &self.new };
        let bytes = engine.status(&self.did)?.bytes;
        let bar = Bar::records_so_far("scrubbing");
        let (report, seconds) = timed(|| engine.scrub(Progress::to(&|records| bar.set(records))))?;
        drop(bar);
        self.page.pace(name, Throughput { seconds, records: report.records, bytes })?;
        if report.is_valid() {
            return Ok(());
        }
        self.page.check(&format!("{name} finds no fault"), false)
    }

    /// Verifies the result.
    fn proof(&mut self, car: &Path) -> Result<(), Failure> {
        self.page.part("It is exported, and verified offline with the key that its log names")?;
        let (exported, seconds) = timed(|| export(&self.new, &self.did, car))?;
        let records = self.new.status(&self.did)?.records;
        self.page.pace("export", Throughput { seconds, records, bytes: exported })?;
        let key = self.identity.verified_key()?;
        let ((report, offline), seconds) = timed(|| {
            let expect = ExpectedHead::signed_by(key).did(self.did.clone());
            verify_car(car, &expect, &*self.clock)
        })?;
        self.page.pace("verify", Throughput { seconds, records, bytes: exported })?;
        let valid =
            report.is_valid() && report.signature == Some(carrack::key::SignatureStatus::Valid);
        self.page.check("the export is whole, and signed with the new key", valid)?;
        let [old, new] = [listing(&self.old, &self.did)?, listing(&self.new, &self.did)?];
        let same = old == new && new == offline;
        let claim = format!("old, new and export list the same {} records", count(records));
        self.page.check(&claim, same)?;
        let refused = self.write_at_old()?;
        self.page.check("the old engine takes no writes any more", refused.is_some())?;
        self.page.step("", refused.unwrap_or_default())?;
        let written = self.write_at_new()?;
        self.page.check("the new engine takes them", written)
    }

    fn end(self) -> Result<Answer, Failure> {
        let account = self.new.status(&self.did)?;
        self.page.end(DemoFacts {
            did: &self.did,
            commit: account.commit,
            rev: account.rev,
            records: account.records,
        })
    }

    /// Attempts a write at the source; returns the refusal.
    fn write_at_old(&mut self) -> carrack::Result<Option<String>> {
        let ops = vec![self.content.create()?];
        match self.old.write(&self.did, ops, &WriteOptions::default(), &self.old_key) {
            Err(error @ Error::State { .. }) => {
                let account = format!("account {}", self.did);
                Ok(Some(error.to_string().replace(&account, "it")))
            }
            Err(error) => Err(error),
            Ok(_) => Ok(None),
        }
    }

    fn write_at_new(&mut self) -> carrack::Result<bool> {
        let before = self.new.status(&self.did)?;
        let ops = vec![self.content.create()?];
        let written = self.new.write(&self.did, ops, &WriteOptions::default(), &self.new_key)?;
        let after = self.new.status(&self.did)?;
        Ok(after.records == before.records + 1 && after.commit == Some(written.commit))
    }
}

fn revisions(moved: &Migrated) -> String {
    let fence = moved.fence_seconds;
    format!("{} -> {}, no writes for {fence:.2} s", moved.source_rev, moved.rev)
}

fn export(engine: &Engine, did: &Did, car: &Path) -> carrack::Result<u64> {
    let failed = |source| Error::Io { doing: format!("writing {}", car.display()), source };
    let file = std::fs::File::create(car).map_err(failed)?;
    let exported = engine.export(did, BufWriter::with_capacity(256 * 1024, &file))?;
    file.sync_all().map_err(failed)?;
    Ok(exported.bytes)
}

fn verify_car(
    car: &Path,
    expect: &ExpectedHead,
    clock: &dyn Clock,
) -> carrack::Result<(Report, String)> {
    let mut listing = ListingDigest::default();
    let report = verify(&Input::open(car)?, expect, clock, &mut listing)?;
    Ok((report, listing.finish()))
}

fn listing(engine: &Engine, did: &Did) -> carrack::Result<String> {
    let mut digest = ListingDigest::default();
    for entry in engine.snapshot(did)?.entries(&List::default())? {
        let (path, cid) = entry?;
        digest.push(path.as_bytes(), &cid)?;
    }
    Ok(digest.finish())
}
