//! The one line of JSON that a program prints, or the reason why there is none.

use crate::{Ask, Spent};
use std::error::Error;
use std::process::exit;

/// How a job ended, if it did not fail.
pub enum Outcome {
    Done {
        /// Verified, imported or exported; of commits, those that the repository lists afterwards.
        records: u64,
        spent: Spent,
        /// The length of what was exported.
        bytes: Option<u64>,
        /// The root of the tree after the commits.
        data: Option<String>,
    },
    /// The library has nothing for this job; why.
    Cannot(&'static str),
}

impl Outcome {
    pub fn records(records: u64, spent: Spent) -> Self {
        Self::Done { records, spent, bytes: None, data: None }
    }

    pub fn exported(records: u64, bytes: usize, spent: Spent) -> Self {
        Self::Done { records, spent, bytes: Some(bytes as u64), data: None }
    }

    pub fn committed(records: u64, data: String, spent: Spent) -> Self {
        Self::Done { records, spent, bytes: None, data: Some(data) }
    }
}

/// Prints the answer and ends with 0; with 3 if the library cannot, with 1 if the job failed.
pub fn answer(peer: &str, package: &str, ask: &Ask, outcome: Result<Outcome, Box<dyn Error>>) -> ! {
    let version = version(package);
    match outcome {
        Ok(Outcome::Done { records, spent, bytes, data }) => {
            let bytes = bytes.map(|bytes| format!(r#", "bytes": {bytes}"#)).unwrap_or_default();
            let data = data.map(|data| format!(r#", "data": "{data}""#)).unwrap_or_default();
            println!(
                r#"{{"peer": "{peer}", "version": "{version}", "job": "{}", "records": {records}, "wall_s": {:.6}, "cpu_s": {:.6}, "peak_kib": {}{bytes}{data}}}"#,
                ask.job.as_str(),
                spent.wall.as_secs_f64(),
                spent.cpu.as_secs_f64(),
                spent.peak_kib,
            );
            exit(0)
        }
        Ok(Outcome::Cannot(reason)) => {
            eprintln!("{reason}");
            exit(3)
        }
        Err(error) => {
            eprintln!("{error}");
            exit(1)
        }
    }
}

/// The version that was built, out of the lock file.
fn version(package: &str) -> &'static str {
    let name = format!("name = \"{package}\"\nversion = \"");
    let found = include_str!("../Cargo.lock").split_once(&name);
    found.and_then(|(_, rest)| rest.split('"').next()).unwrap_or("?")
}
