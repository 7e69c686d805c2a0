//! What the examples share: the host that `axum_host` runs and `mirror` follows, its clients, and how a
//! program ends.

pub mod client;
pub mod host;
mod sample;

pub use sample::{SAMPLE_DID, note};

use std::error::Error;
use std::process::ExitCode;

/// Any error, for the one line that a program prints before it ends.
pub type Failure = Box<dyn Error + Send + Sync>;

/// The exit code of a program: 0, or 1 with the error on standard error.
pub fn exit(ended: Result<(), Failure>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
