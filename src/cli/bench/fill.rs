//! Stores with generated accounts in them, made before anything is measured.

use super::repository::{Order, Repository, signing_key};
use super::scratch::Scratch;
use crate::cli::failure::Failure;
use crate::cli::store;
use carrack::Engine;
use carrack::engine::ImportOptions;
use carrack::verify::{Expect, Input};
use std::path::PathBuf;

/// The file of an account on its way into a store.
const CAR: &str = "account.car";

/// Makes a store with accounts number 0 and up, of so many records each.
pub(super) fn fill(scratch: &Scratch, accounts: u64, records: u64) -> Result<PathBuf, Failure> {
    let path = scratch.file("store.redb");
    let engine = store::existing_or_new(&path)?;
    for seed in 0..accounts {
        let car = write_car(scratch, CAR, seed, records)?;
        engine.import(&Input::open(&car)?, &import_options()?)?;
        scratch.remove(CAR)?;
    }
    close(engine);
    Ok(path)
}

/// Writes an account's repository into a file.
pub(super) fn write_car(
    scratch: &Scratch,
    name: &str,
    seed: u64,
    records: u64,
) -> Result<PathBuf, Failure> {
    let repository = Repository::generate(seed, records)?;
    scratch.write(name, |output| Ok(repository.write(Order::Streaming, output).map(|_| ())?))
}

/// Generated accounts are signed, and imports check it.
pub(super) fn import_options() -> carrack::Result<ImportOptions> {
    let expect = Expect { did: None, keys: vec![signing_key()?.verifying_key()] };
    Ok(ImportOptions { expect, ..ImportOptions::default() })
}

/// Closes the store, so that the process that measures can open it.
fn close(engine: Engine) {
    drop(engine);
}
