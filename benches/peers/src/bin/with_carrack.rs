//! Carrack. `verify` checks hashes, key order, layers and the signature, and reads the file piece
//! by piece. Its store is a database file beside the given one: an import and every commit are
//! durable when they return, and each commit leaves its event in the log. With `--memory` the
//! database is in memory, as the peers' stores are.

use carrack::engine::{Engine, ImportOptions, List, Op, Record, WriteOptions};
use carrack::env::SystemClock;
use carrack::ident::Did;
use carrack::key::{Curve, SigningKey};
use carrack::verify::{self, Discard, ExpectedHead, Input};
use carrack_peers::{Ask, DID, Fresh, Job, Meter, Outcome, SECRET, answer};
use serde_json::{Map, Value};
use std::error::Error;
use std::path::Path;
use tempfile::TempDir;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() {
    let ask = Ask::from_args();
    let outcome = match ask.job {
        Job::Verify if ask.memory => Ok(Outcome::Cannot("a verification has no store")),
        Job::Verify => verify(&ask),
        Job::Import => import(&ask),
        Job::Export => export(&ask),
        Job::Commit => commit(&ask),
    };
    answer("carrack", "carrack", &ask, outcome)
}

fn verify(ask: &Ask) -> Result<Outcome> {
    let meter = Meter::start();
    let input = Input::open(&ask.file)?;
    let report = verify::verify(&input, &expect()?, &SystemClock, &mut Discard)?;
    if !report.is_valid() {
        return Err(format!("{:?}", report.problems.listed()).into());
    }
    Ok(Outcome::records(report.records.unwrap_or(0), meter.stop()))
}

fn import(ask: &Ask) -> Result<Outcome> {
    let (engine, _folder) = open(ask)?;
    let meter = Meter::start();
    let records = fill(&engine, &ask.file)?;
    Ok(Outcome::records(records, meter.stop()))
}

fn export(ask: &Ask) -> Result<Outcome> {
    let (engine, _folder) = open(ask)?;
    let records = fill(&engine, &ask.file)?;
    let meter = Meter::start();
    let mut car = Vec::new();
    engine.export(&did()?, &mut car)?;
    Ok(Outcome::exported(records, car.len(), meter.stop()))
}

fn commit(ask: &Ask) -> Result<Outcome> {
    let (engine, _folder) = open(ask)?;
    let before = fill(&engine, &ask.file)?;
    let (did, key) = (did()?, key()?);
    let meter = Meter::start();
    for n in 0..ask.commits {
        let fresh = Fresh::new(n);
        let ops = vec![Op::create(fresh.path().parse()?, encode(&fresh)?)];
        engine.write(&did, ops, &WriteOptions::default(), &key)?;
    }
    let spent = meter.stop();
    let listed = engine.snapshot(&did)?.list(&List::default())?.count() as u64;
    let data = engine.status(&did)?.data.ok_or("an account without a tree")?;
    Ok(Outcome::committed(listed - before, data.to_string(), spent))
}

/// A store, and the folder that it is gone with.
fn open(ask: &Ask) -> Result<(Engine, Option<TempDir>)> {
    if ask.memory {
        let engine = Engine::in_memory()?;
        return Ok((engine, None));
    }
    let beside = ask.file.parent().ok_or("the file is in no folder")?;
    let folder = tempfile::tempdir_in(beside)?;
    Ok((Engine::open(folder.path().join("store.redb"))?, Some(folder)))
}

fn fill(engine: &Engine, file: &Path) -> Result<u64> {
    let options = ImportOptions::default().head(expect()?);
    Ok(engine.import(&Input::open(file)?, &options)?.records)
}

fn encode(fresh: &Fresh) -> Result<Record> {
    let fields = fresh.fields.iter();
    let object: Map<String, Value> =
        fields.map(|(name, text)| ((*name).to_owned(), text.as_str().into())).collect();
    Ok(Record::from_json(&object.into())?)
}

fn expect() -> Result<ExpectedHead> {
    Ok(ExpectedHead::signed_by([key()?.verifying_key()]).did(did()?))
}

fn did() -> Result<Did> {
    Ok(DID.parse()?)
}

fn key() -> Result<SigningKey> {
    Ok(SigningKey::from_bytes(Curve::K256, &SECRET)?)
}
