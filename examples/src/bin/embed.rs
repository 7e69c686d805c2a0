//! Embeds an engine in a program: a store in a folder, an account, one batch of records with
//! compare-and-swap, a listing, a snapshot, an export, and the events that tell of all this.
//!
//! ```text
//! cargo run --bin embed -- FOLDER
//! ```
//!
//! Without a folder it takes a temporary one. A second run with the same folder goes on with the same
//! account.

use carrack::engine::{List, Op, WriteOptions};
use carrack::env::SystemRandom;
use carrack::event::{Event, RepoOp};
use carrack::ident::{Did, Nsid};
use carrack::key::{Curve, SigningKey, key_file};
use carrack::{Engine, ErrorKind};
use carrack_examples::{Failure, SAMPLE_DID, exit, note};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    exit(run())
}

fn run() -> Result<(), Failure> {
    match std::env::args_os().nth(1) {
        Some(folder) => use_engine(Path::new(&folder)),
        None => use_engine(tempfile::tempdir()?.path()),
    }
}

fn use_engine(folder: &Path) -> Result<(), Failure> {
    // One engine per file for the life of the process: a second one cannot open the file.
    let engine = Engine::open(folder.join("store.redb"))?;
    let did: Did = SAMPLE_DID.parse()?;
    let key = account(&engine, &did, &folder.join("account.key"))?;

    let before = engine.last_seq()?;
    write_batch(&engine, &did, &key)?;
    list(&engine, &did)?;
    read_two_moments(&engine, &did, &key)?;
    export(&engine, &did, &folder.join("repo.car"))?;
    print_events(&engine, before)?;

    // Dropping the engine closes it as well. `close` says where.
    engine.close();
    Ok(())
}

/// The account's key, and the account itself: both are made when they are not there.
fn account(engine: &Engine, did: &Did, file: &Path) -> Result<SigningKey, Failure> {
    if !file.exists() {
        // The key file comes first: an account whose key is lost takes no more commits.
        key_file::write_new(file, &SigningKey::generate(Curve::K256, &SystemRandom)?)?;
    }
    let key = key_file::read(file)?;
    match engine.create_account(did, &key) {
        Ok(_) => println!("created {did}"),
        Err(error) if error.kind() == ErrorKind::Conflict => println!("{did} is here already"),
        Err(error) => return Err(error.into()),
    }
    Ok(key)
}

/// One commit of three changes, on condition that the head is still the one that they are based on.
fn write_batch(engine: &Engine, did: &Did, key: &SigningKey) -> Result<(), Failure> {
    loop {
        let now = engine.snapshot(did)?;
        let number = now.record_count();
        let mut ops = Vec::new();
        for offset in 0..3 {
            let path = format!("com.example.note/{:08}", number + offset).parse()?;
            ops.push(Op::create(path, note(&format!("note {}", number + offset))?));
        }
        let options = WriteOptions::default().swap(now.commit().clone());
        match engine.write(did, ops, &options, key) {
            Ok(written) => {
                println!("commit {} at revision {} is durable", written.commit, written.rev);
                return Ok(());
            }
            // Another writer came first: read again and decide again.
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The newest records of a collection. A page ends at its limit; the last path is the next cursor.
fn list(engine: &Engine, did: &Did) -> Result<(), Failure> {
    let collection: Nsid = "com.example.note".parse()?;
    let list = List::default().collection(collection).cursor(None).reverse(true);
    for record in engine.snapshot(did)?.list(&list)?.take(10) {
        let record = record?;
        println!("{}  {}", record.path, carrack::block::json::to_json(record.block.bytes())?);
    }
    Ok(())
}

/// A snapshot shows one moment: what is written after it does not appear in it.
fn read_two_moments(engine: &Engine, did: &Did, key: &SigningKey) -> Result<(), Failure> {
    let before = engine.snapshot(did)?;
    let path = format!("com.example.note/{:08}", before.record_count()).parse()?;
    let op = Op::create(path, note("written after the snapshot")?);
    engine.write(did, vec![op.clone()], &WriteOptions::default(), key)?;
    if before.record(op.path())?.is_some() {
        return Err("a snapshot shows a later write".into());
    }
    if engine.snapshot(did)?.record(op.path())?.is_none() {
        return Err("a durable record is not in a new snapshot".into());
    }
    println!("{} is in the new snapshot and not in the old one", op.path());
    Ok(())
}

fn export(engine: &Engine, did: &Did, file: &Path) -> Result<(), Failure> {
    let mut output = BufWriter::new(File::create(file)?);
    let exported = engine.export(did, &mut output)?;
    // A buffer that is dropped swallows the error of its last write.
    output.flush()?;
    println!("exported {} blocks, {} bytes", exported.blocks, exported.bytes);
    Ok(())
}

fn print_events(engine: &Engine, after: u64) -> Result<(), Failure> {
    let mut events = engine.events(after)?;
    // `next` ends at the end of the log. `wait` waits for what comes.
    while let Some(logged) = events.next()? {
        match logged.event()? {
            Event::Commit(commit) => {
                let actions: Vec<_> = commit.ops.iter().map(RepoOp::action).collect();
                println!("event {}: commit {} of {actions:?}", logged.seq, commit.rev);
            }
            other => println!("event {}: {} of {}", logged.seq, other.kind(), other.did()),
        }
    }
    Ok(())
}
