//! What the machine can do with some bytes at best: hash them, and write them durably.

use super::usage::Meter;
use crate::cli::failure::Failure;
use clap::Args;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Read and written at a time.
const CHUNK_BYTES: usize = 1 << 20;

#[derive(Debug, Args)]
pub(super) struct CopyJob {
    file: PathBuf,
    to: PathBuf,
}

/// Hashes a file.
pub(super) fn hash(file: &Path) -> Result<Map<String, Value>, Failure> {
    let meter = Meter::start();
    pass(file, |_| Ok(()))?;
    Ok(meter.stop().to_json())
}

/// Hashes a file and writes its bytes into another, which is on disk at the end.
pub(super) fn copy(job: &CopyJob) -> Result<Map<String, Value>, Failure> {
    let meter = Meter::start();
    let failed = |error| Failure::io(format_args!("writing {}", job.to.display()), &error);
    let mut to = File::create(&job.to).map_err(failed)?;
    pass(&job.file, |bytes| to.write_all(bytes).map_err(failed))?;
    to.sync_all().map_err(failed)?;
    Ok(meter.stop().to_json())
}

fn pass(
    file: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<Sha256, Failure> {
    let failed = |error| Failure::io(format_args!("reading {}", file.display()), &error);
    let mut from = File::open(file).map_err(failed)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let got = from.read(&mut buffer).map_err(failed)?;
        let Some(bytes) = buffer.get(..got).filter(|bytes| !bytes.is_empty()) else {
            return Ok(digest);
        };
        digest.update(bytes);
        take(bytes)?;
    }
}
