//! Each measurement runs in a process of its own, this program again, so that memory and processor
//! time are the job's alone.

use crate::cli::failure::Failure;
use serde::de::DeserializeOwned;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Runs a job to its end, and gives what it measured.
pub(in crate::cli) fn run<T: DeserializeOwned, A: AsRef<OsStr>>(
    args: impl IntoIterator<Item = A>,
) -> Result<T, Failure> {
    let mut job = ChildJob::start(args)?;
    let answer = job.answer()?;
    job.end()?;
    Ok(answer)
}

/// Runs a job until it has answered, and kills it then, with its store open.
pub(in crate::cli) fn run_and_kill<T: DeserializeOwned, A: AsRef<OsStr>>(
    args: impl IntoIterator<Item = A>,
) -> Result<T, Failure> {
    let mut job = ChildJob::start(args)?;
    let answer = job.answer()?;
    job.child.kill().map_err(|error| broken(&error))?;
    job.child.wait().map_err(|error| broken(&error))?;
    Ok(answer)
}

struct ChildJob {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl ChildJob {
    fn start<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(|error| broken(&error))?;
        let mut child = Command::new(program)
            .args(["bench", "job"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| broken(&error))?;
        let stdout = child.stdout.take().ok_or_else(|| broken(&"it has no output"))?;
        Ok(Self { child, stdout: BufReader::new(stdout) })
    }

    /// Its answer, which is one line.
    fn answer<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).map_err(|error| broken(&error))?;
        match serde_json::from_str(&line) {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.end().err().unwrap_or_else(|| broken(&error))),
        }
    }

    /// Waits for its end. What it failed with, this one fails with.
    fn end(&mut self) -> Result<(), Failure> {
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut said).map_err(|error| broken(&error))?;
        }
        let status = self.child.wait().map_err(|error| broken(&error))?;
        let said = said.trim().trim_start_matches("error: ").lines().collect::<Vec<_>>().join("; ");
        match status.code() {
            Some(0) => Ok(()),
            Some(1) => Err(Failure::no(said)),
            _ if said.is_empty() => Err(broken(&status)),
            _ => Err(Failure::unusable(said)),
        }
    }
}

impl Drop for ChildJob {
    /// Nothing is left running when a measurement fails. Of one that has ended, this does nothing.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn broken(why: &dyn std::fmt::Display) -> Failure {
    Failure::unusable(format!("running a job in a process of its own: {why}"))
}
