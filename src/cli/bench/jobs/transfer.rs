//! One import, export, verification or move, measured.

use crate::cli::bench::data::repository::signing_key;
use crate::cli::bench::measure::usage::{Meter, Usage};
use crate::cli::failure::Failure;
use crate::cli::io::known_file::refuse_protected;
use crate::cli::store;
use carrack::engine::ImportOptions;
use carrack::env::SystemClock;
use carrack::ident::Did;
use carrack::key::VerifyingKey;
use carrack::migrate::{MigrateOptions, migrate as move_account};
use carrack::verify::{self, Discard, ExpectedHead, Input};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct CarJob {
    file: PathBuf,
    /// To import into
    #[arg(long)]
    store: Option<PathBuf>,
    #[arg(long = "key")]
    keys: Vec<VerifyingKey>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportJob {
    store: PathBuf,
    did: Did,
    /// Without it, the bytes are not kept
    #[arg(long)]
    to: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct MigrateJob {
    source: PathBuf,
    destination: PathBuf,
    did: Did,
}

/// What one job took, and with how much.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct TransferRun {
    #[serde(flatten)]
    pub(in crate::cli) usage: Usage,
    pub(in crate::cli) records: u64,
    pub(in crate::cli) bytes: u64,
    /// For how long a move left no side that took writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) fence_seconds: Option<f64>,
}

pub(in crate::cli) fn verify(job: &CarJob) -> Result<TransferRun, Failure> {
    let input = Input::open(&job.file)?;
    let meter = Meter::start();
    let report = verify::verify(&input, &job.expectation(), &SystemClock, &mut Discard)?;
    let usage = meter.stop();
    if let Some(problem) = report.problems.listed().first() {
        return Err(Failure::no(format!("{} is not valid: {problem}", job.file.display())));
    }
    Ok(TransferRun::of(usage, report.records.unwrap_or_default(), input.length()))
}

pub(in crate::cli) fn import(job: &CarJob) -> Result<TransferRun, Failure> {
    let input = Input::open(&job.file)?;
    let path = job.store.as_ref().ok_or_else(|| Failure::unusable("no store to import into"))?;
    let engine = store::existing_or_new(path)?;
    let expect = job.expectation();
    let options = ImportOptions::default().head(expect);
    let meter = Meter::start();
    let imported = engine.import(&input, &options)?;
    Ok(TransferRun::of(meter.stop(), imported.records, input.length()))
}

pub(in crate::cli) fn export(job: &ExportJob) -> Result<TransferRun, Failure> {
    let engine = store::existing(&job.store)?;
    let records = engine.status(&job.did)?.records;
    let meter = Meter::start();
    let exported = match &job.to {
        None => engine.export(&job.did, std::io::sink())?,
        Some(path) => {
            let failed = |error| Failure::io(format_args!("writing {}", path.display()), &error);
            refuse_protected(path)?;
            let file = File::create(path).map_err(failed)?;
            let exported = engine.export(&job.did, &file)?;
            file.sync_all().map_err(failed)?;
            exported
        }
    };
    Ok(TransferRun::of(meter.stop(), records, exported.bytes))
}

pub(in crate::cli) fn migrate(job: &MigrateJob) -> Result<TransferRun, Failure> {
    let source = store::existing(&job.source)?;
    let destination = store::existing_or_new(&job.destination)?;
    let to = job.destination.display().to_string();
    let key = signing_key()?;
    let options = MigrateOptions::new(&to, &key);
    let meter = Meter::start();
    let moved = move_account(&source, &destination, &job.did, &options)?;
    let run = TransferRun::of(meter.stop(), moved.records, moved.bytes);
    Ok(TransferRun { fence_seconds: Some(moved.fence_seconds), ..run })
}

impl CarJob {
    fn expectation(&self) -> ExpectedHead {
        if self.keys.is_empty() {
            return ExpectedHead::unchecked();
        }
        ExpectedHead::signed_by(self.keys.clone())
    }
}

impl TransferRun {
    fn of(usage: Usage, records: u64, bytes: u64) -> Self {
        Self { usage, records, bytes, fence_seconds: None }
    }
}
