//! Stores with generated accounts in them, made before anything is measured.

use crate::cli::bench::data::repository::{BlockOrder, Repository, signing_key};
use crate::cli::bench::measure::scratch::Scratch;
use crate::cli::failure::Failure;
use crate::cli::store;
use carrack::Engine;
use carrack::engine::ImportOptions;
use carrack::verify::{ExpectedHead, Input};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Builder, scope};

/// Accounts that are made at a time: they share the store's flushes.
const THREADS: u64 = 8;

/// Creates a store with the accounts number 0 and up, each with this number of records.
pub(in crate::cli) fn fill(
    scratch: &Scratch,
    accounts: u64,
    records: u64,
) -> Result<PathBuf, Failure> {
    let path = scratch.file("store.redb");
    let engine = store::existing_or_new(&path)?;
    let next = AtomicU64::new(0);
    let fill = Fill { scratch, engine: &engine, next: &next, accounts, records };
    scope(|scope| {
        let mut threads = Vec::new();
        for thread in 0..accounts.min(THREADS) {
            let begun = Builder::new().spawn_scoped(scope, move || fill.make(thread));
            threads.push(begun.map_err(|error| Failure::io("starting a thread", &error))?);
        }
        let died = |_| Failure::unusable("a thread that fills the store died");
        threads.into_iter().try_for_each(|thread| thread.join().map_err(died)?)
    })?;
    // So that the process that measures can open it.
    drop(engine);
    Ok(path)
}

/// What the threads share.
#[derive(Clone, Copy)]
struct Fill<'a> {
    scratch: &'a Scratch,
    engine: &'a Engine,
    /// The number of the next account to make.
    next: &'a AtomicU64,
    accounts: u64,
    records: u64,
}

impl Fill<'_> {
    /// Makes one account after another until none is left.
    fn make(self, thread: u64) -> Result<(), Failure> {
        let options = import_options()?;
        let name = format!("account-{thread}.car");
        loop {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.accounts {
                return Ok(());
            }
            let repository = Repository::generate(seed, self.records)?;
            let car = self.scratch.write_unsynced(&name, |output| {
                Ok(repository.write(BlockOrder::Streaming, output).map(|_| ())?)
            })?;
            self.engine.import(&Input::open(&car)?, &options)?;
            self.scratch.remove(&name)?;
        }
    }
}

/// Writes an account's repository into a file.
pub(in crate::cli) fn write_car(
    scratch: &Scratch,
    name: &str,
    seed: u64,
    records: u64,
) -> Result<PathBuf, Failure> {
    let repository = Repository::generate(seed, records)?;
    scratch.write(name, |output| Ok(repository.write(BlockOrder::Streaming, output).map(|_| ())?))
}

/// Generated accounts are signed, and imports check it.
pub(in crate::cli) fn import_options() -> carrack::Result<ImportOptions> {
    let expect = ExpectedHead::signed_by([signing_key()?.verifying_key()]);
    Ok(ImportOptions::default().head(expect))
}
