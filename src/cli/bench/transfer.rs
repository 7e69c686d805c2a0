use crate::cli::bench::args::Common;
use crate::cli::bench::child;
use crate::cli::bench::machine::Machine;
use crate::cli::bench::records::RECORDS_MAX;
use crate::cli::bench::report::check_target;
use crate::cli::bench::repository::{Order, Repository, signing_key};
use crate::cli::bench::scratch::Scratch;
use crate::cli::bench::step::step;
use crate::cli::bench::transfer_report;
use crate::cli::bench::transfer_report::{Measured, report};
use crate::cli::failure::Failure;
use crate::cli::io::input;
use crate::cli::keys::KeySources;
use crate::cli::run::Answer;
use carrack::env::SystemClock;
use carrack::ident::Did;
use carrack::verify::{Discard, ExpectedHead, Input, verify};
use clap::{Args, ValueEnum};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct TransferArgs {
    /// Records of the generated repository
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=RECORDS_MAX))]
    records: u64,
    /// The order of its blocks
    #[arg(long, value_enum, default_value = "both")]
    order: Orders,
    /// Measure with this repository instead; without a key its signature is not checked
    #[arg(long, value_name = "FILE", conflicts_with_all = ["records", "order"])]
    car: Option<PathBuf>,
    #[command(flatten)]
    keys: KeySources,
    /// Do not check the signature of FILE
    #[arg(long, requires = "car")]
    no_key: bool,
    /// How often each job runs; the median counts
    #[arg(long, value_name = "R", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Orders {
    Streaming,
    Shuffled,
    Both,
}

/// The repository that is measured with.
pub(in crate::cli) struct Subject {
    pub(in crate::cli) did: Did,
    /// The keys that its signature is checked with, as arguments.
    keys: Vec<OsString>,
    /// Its files, with the names of their orders.
    files: Vec<(&'static str, PathBuf)>,
    /// Whether it was made for this.
    pub(in crate::cli) generated: bool,
}

impl Subject {
    pub(in crate::cli) fn is_verified(&self) -> bool {
        !self.keys.is_empty()
    }
}

pub(in crate::cli) fn run(args: &TransferArgs) -> Result<Answer, Failure> {
    if args.car.is_none() && (args.keys.any() || args.keys.names_account()) {
        return Err(Failure::unusable("a key or a DID is for a repository given with --car"));
    }
    if args.no_key && args.keys.any() {
        return Err(Failure::unusable("--no-key contradicts the keys that are given"));
    }
    check_target(args.common.html.as_deref())?;
    let scratch = Scratch::new(args.common.dir.as_deref())?;
    let machine = Machine::here(scratch.path());
    let subject = match &args.car {
        Some(file) => given(file, &args.keys)?,
        None => generated(args.records, args.order, &scratch)?,
    };
    let measured = Measuring { subject: &subject, scratch: &scratch, runs: args.runs }.all()?;
    scratch.close()?;
    report(machine, &subject, args.runs, &measured).deliver(&args.common)
}

/// The user's own repository. What is not valid is not measured.
fn given(file: &Path, keys: &KeySources) -> Result<Subject, Failure> {
    if input::is_standard(file) {
        return Err(Failure::unusable("--car needs a file: it is read several times"));
    }
    step("verify", 0, 0);
    let expect = keys.read()?.head_or_unchecked();
    let input = Input::open(file)?;
    let report = verify(&input, &expect, &SystemClock, &mut Discard)?;
    let (Some(did), Some(order), true) = (report.did, report.order, report.problems.is_empty())
    else {
        let name = file.display();
        let problems = report.problems.into_listed();
        return Err(Failure::from(carrack::Error::Refused(problems))
            .preceded_by(format_args!("{name} cannot be measured with: ")));
    };
    let file = std::path::absolute(file)
        .map_err(|error| Failure::io(format_args!("finding {}", file.display()), &error))?;
    let files = vec![(order.as_str(), file)];
    Ok(Subject { did, keys: key_args(&expect), files, generated: false })
}

fn generated(records: u64, orders: Orders, scratch: &Scratch) -> Result<Subject, Failure> {
    step("generate", 0, 0);
    let repository = Repository::generate(0, records)?;
    let mut files = Vec::new();
    for order in [Order::Streaming, Order::Shuffled] {
        let wanted = match orders {
            Orders::Both => true,
            Orders::Streaming => order == Order::Streaming,
            Orders::Shuffled => order == Order::Shuffled,
        };
        if wanted {
            let name = format!("{}.car", order.as_str());
            let path = scratch
                .write(&name, |output| Ok(repository.write(order, output).map(|_| ())?))?;
            files.push((order.as_str(), path));
        }
    }
    let expect = ExpectedHead::signed_by([signing_key()?.verifying_key()]);
    let did = repository.did().clone();
    Ok(Subject { did, keys: key_args(&expect), files, generated: true })
}

fn key_args(expect: &ExpectedHead) -> Vec<OsString> {
    let args = expect.keys.named().iter().flat_map(|key| ["--key".to_owned(), key.to_did_key()]);
    args.map(OsString::from).collect()
}

/// The jobs, each beside its yardstick.
struct Measuring<'a> {
    subject: &'a Subject,
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
    fn all(&self) -> Result<Vec<Measured>, Failure> {
        let mut measured = Vec::new();
        for (order, file) in &self.subject.files {
            measured.push(self.verify(order, file)?);
            measured.push(self.import(order, file)?);
        }
        measured.push(self.export()?);
        measured.push(self.migrate()?);
        Ok(measured)
    }

    fn verify(&self, order: &'static str, file: &Path) -> Result<Measured, Failure> {
        let mut measured = Measured::new("verify", Some(order), transfer_report::HASH);
        for run in 1..=self.runs {
            step("verify", run, self.runs);
            let job = child::run(self.car_job("verify", file, None))?;
            measured.add(job, hash(file)?);
        }
        Ok(measured)
    }

    /// Leaves the last store for what follows.
    fn import(&self, order: &'static str, file: &Path) -> Result<Measured, Failure> {
        let mut measured = Measured::new("import", Some(order), transfer_report::COPY);
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

    fn export(&self) -> Result<Measured, Failure> {
        let (store, exported) = (self.scratch.file(STORE), self.scratch.file(EXPORTED));
        let did = OsStr::new(self.subject.did.as_str());
        let export = [OsStr::new("export"), store.as_os_str(), did];
        // Not counted: the file is the yardstick's.
        child::run(export.into_iter().chain([OsStr::new("--to"), exported.as_os_str()]))?;
        let mut measured = Measured::new("export", None, transfer_report::HASH);
        for run in 1..=self.runs {
            step("export", run, self.runs);
            measured.add(child::run(export)?, hash(&exported)?);
        }
        Ok(measured)
    }

    fn migrate(&self) -> Result<Measured, Failure> {
        let [source, destination] = [SOURCE, DESTINATION].map(|name| self.scratch.file(name));
        let did = OsStr::new(self.subject.did.as_str());
        let exported = self.scratch.file(EXPORTED);
        let mut measured = Measured::new("migrate", None, transfer_report::COPY);
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

    fn copy(&self, file: &Path) -> Result<Value, Failure> {
        let to = self.scratch.file(COPY);
        let copied = child::run([OsStr::new("copy"), file.as_os_str(), to.as_os_str()])?;
        self.scratch.remove(COPY)?;
        Ok(copied)
    }
}

fn hash(file: &Path) -> Result<Value, Failure> {
    child::run([OsStr::new("hash"), file.as_os_str()])
}
