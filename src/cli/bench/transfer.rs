use crate::cli::answer::Answer;
use crate::cli::bench::common_args::CommonArgs;
use crate::cli::bench::data::records::RECORDS_MAX;
use crate::cli::bench::jobs::transfer::TransferRun;
use crate::cli::bench::measure::child;
use crate::cli::bench::measure::machine::Machine;
use crate::cli::bench::measure::scratch::Scratch;
use crate::cli::bench::measure::step::step;
use crate::cli::bench::measure::usage::Usage;
use crate::cli::bench::report::deliver::check_target;
use crate::cli::bench::transfer_report;
use crate::cli::bench::transfer_report::{JobRuns, report};
use crate::cli::bench::transfer_subject::{BlockOrders, TransferSubject};
use crate::cli::failure::Failure;
use crate::cli::keys::KeySources;
use clap::Args;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct TransferArgs {
    /// Number of records in the generated repository
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=RECORDS_MAX))]
    records: u64,
    /// The order of its blocks
    #[arg(long, value_enum, default_value = "both")]
    order: BlockOrders,
    /// Measure with this repository instead of a generated one; without a key its signature is not
    /// checked
    #[arg(long, value_name = "FILE", conflicts_with_all = ["records", "order"])]
    car: Option<PathBuf>,
    #[command(flatten)]
    keys: KeySources,
    /// Do not check the signature of FILE
    #[arg(long, requires = "car")]
    no_key: bool,
    /// Number of runs per job; the median is shown
    #[arg(long, value_name = "R", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    #[command(flatten)]
    pub(in crate::cli) common: CommonArgs,
}

pub(in crate::cli) fn run(args: &TransferArgs) -> Result<Answer, Failure> {
    if args.car.is_none() && (args.keys.any() || args.keys.names_account()) {
        return Err(Failure::unusable("a key or a DID is for a repository given with --car"));
    }
    if args.no_key && args.keys.any() {
        return Err(Failure::unusable("--no-key contradicts the keys that are given"));
    }
    let mut inputs = args.keys.files();
    inputs.extend(args.car.as_deref());
    check_target(args.common.html.as_deref(), &inputs)?;
    let scratch = Scratch::new(args.common.dir.as_deref())?;
    let machine = Machine::here(scratch.path());
    let subject = match &args.car {
        Some(file) => TransferSubject::given(file, &args.keys)?,
        None => TransferSubject::generated(args.records, args.order, &scratch)?,
    };
    let measured = Measuring { subject: &subject, scratch: &scratch, runs: args.runs }.all()?;
    scratch.close()?;
    report(machine, &subject, args.runs, &measured)?.deliver(&args.common)
}

/// The jobs, each beside its yardstick.
struct Measuring<'a> {
    subject: &'a TransferSubject,
    scratch: &'a Scratch,
    runs: u32,
}

/// The files of the measurement.
const STORE: &str = "store.redb";
const SOURCE: &str = "source.redb";
const DESTINATION: &str = "destination.redb";
const EXPORTED: &str = "exported.car";
const COPY: &str = "copy";

impl Measuring<'_> {
    fn all(&self) -> Result<Vec<JobRuns>, Failure> {
        let mut measured = Vec::new();
        for (order, file) in &self.subject.files {
            measured.push(self.verify(order, file)?);
            measured.push(self.import(order, file)?);
        }
        measured.push(self.export()?);
        measured.push(self.migrate()?);
        Ok(measured)
    }

    fn verify(&self, order: &'static str, file: &Path) -> Result<JobRuns, Failure> {
        let mut measured = JobRuns::new("verify", Some(order), transfer_report::HASH);
        for run in 1..=self.runs {
            step("verify", run, self.runs);
            let job = child::run(self.car_job("verify", file, None))?;
            measured.add(job, hash(file)?);
        }
        Ok(measured)
    }

    /// Leaves the last store for what follows.
    fn import(&self, order: &'static str, file: &Path) -> Result<JobRuns, Failure> {
        let mut measured = JobRuns::new("import", Some(order), transfer_report::COPY);
        for run in 1..=self.runs {
            step("import", run, self.runs);
            let store = self.scratch.file(STORE);
            if store.exists() {
                self.scratch.remove(STORE)?;
            }
            let job = child::run(self.car_job("import", file, Some(&store)))?;
            measured.add(job, self.copy(file)?);
        }
        Ok(measured)
    }

    fn export(&self) -> Result<JobRuns, Failure> {
        let (store, exported) = (self.scratch.file(STORE), self.scratch.file(EXPORTED));
        let did = OsStr::new(self.subject.did.as_str());
        let export = [OsStr::new("export"), store.as_os_str(), did];
        // Not counted: the file is the yardstick's.
        let to_file = export.into_iter().chain([OsStr::new("--to"), exported.as_os_str()]);
        let _: TransferRun = child::run(to_file)?;
        let mut measured = JobRuns::new("export", None, transfer_report::HASH);
        for run in 1..=self.runs {
            step("export", run, self.runs);
            measured.add(child::run(export)?, hash(&exported)?);
        }
        Ok(measured)
    }

    fn migrate(&self) -> Result<JobRuns, Failure> {
        let [source, destination] = [SOURCE, DESTINATION].map(|name| self.scratch.file(name));
        let did = OsStr::new(self.subject.did.as_str());
        let exported = self.scratch.file(EXPORTED);
        let mut measured = JobRuns::new("migrate", None, transfer_report::COPY);
        for run in 1..=self.runs {
            step("migrate", run, self.runs);
            self.scratch.copy(STORE, SOURCE)?;
            let job = [OsStr::new("migrate"), source.as_os_str(), destination.as_os_str(), did];
            measured.add(child::run(job)?, self.copy(&exported)?);
            self.scratch.remove(SOURCE)?;
            self.scratch.remove(DESTINATION)?;
        }
        Ok(measured)
    }

    fn car_job(&self, job: &str, file: &Path, store: Option<&Path>) -> Vec<OsString> {
        let mut args = vec![OsString::from(job), file.into()];
        if let Some(store) = store {
            args.extend(["--store".into(), store.into()]);
        }
        args.extend(self.subject.keys.iter().cloned());
        args
    }

    fn copy(&self, file: &Path) -> Result<Usage, Failure> {
        let to = self.scratch.file(COPY);
        let copied: Usage = child::run([OsStr::new("copy"), file.as_os_str(), to.as_os_str()])?;
        self.scratch.remove(COPY)?;
        Ok(copied)
    }
}

fn hash(file: &Path) -> Result<Usage, Failure> {
    child::run([OsStr::new("hash"), file.as_os_str()])
}
