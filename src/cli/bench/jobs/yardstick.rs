//! What the machine can do with some bytes at best: hash them, and write them durably.

use crate::cli::bench::measure::latency::Latencies;
use crate::cli::bench::measure::usage::{Meter, Usage};
use crate::cli::failure::Failure;
use crate::cli::io::known_file::refuse_protected;
use clap::Args;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Read and written at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// Written at a time by [`flush`], and how often.
const PAGE_BYTES: usize = 4096;
const FLUSHES: u32 = 200;

#[derive(Debug, Args)]
pub(in crate::cli) struct CopyJob {
    file: PathBuf,
    to: PathBuf,
}

/// What a durable write takes at best.
pub(in crate::cli) const FLUSH: &str = "append of 4 KiB + fsync";

/// How long durable writes took.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Flushes {
    does: String,
    pub(in crate::cli) latency: Latencies,
}

/// Hashes a file.
pub(in crate::cli) fn hash(file: &Path) -> Result<Usage, Failure> {
    let meter = Meter::start();
    pass(file, |_| Ok(()))?;
    Ok(meter.stop())
}

/// Hashes a file and writes its bytes into another, which is on disk at the end.
pub(in crate::cli) fn copy(job: &CopyJob) -> Result<Usage, Failure> {
    let meter = Meter::start();
    let failed = |error| Failure::io(format_args!("writing {}", job.to.display()), &error);
    refuse_protected(&job.to)?;
    let mut to = File::create(&job.to).map_err(failed)?;
    pass(&job.file, |bytes| to.write_all(bytes).map_err(failed))?;
    to.sync_all().map_err(failed)?;
    Ok(meter.stop())
}

/// Appends a page to a file and flushes it, some times: what one durable write takes at best.
pub(in crate::cli) fn flush(path: &Path) -> Result<Flushes, Failure> {
    let failed = |error| Failure::io(format_args!("writing {}", path.display()), &error);
    refuse_protected(path)?;
    let mut file = File::create(path).map_err(failed)?;
    let mut latencies = Vec::new();
    for _ in 0..FLUSHES {
        let start = Instant::now();
        file.write_all(&[0x5a; PAGE_BYTES]).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        latencies.push(start.elapsed());
    }
    Ok(Flushes { does: FLUSH.to_owned(), latency: Latencies::of(&latencies) })
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
