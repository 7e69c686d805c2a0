//! What the machine can do with some bytes at best: hash them, and write them durably.

use crate::cli::bench::measure::latency::Latencies;
use crate::cli::bench::measure::usage::Meter;
use crate::cli::failure::Failure;
use clap::Args;
use serde_json::{Map, Value};
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

/// Hashes a file.
pub(in crate::cli) fn hash(file: &Path) -> Result<Map<String, Value>, Failure> {
    let meter = Meter::start();
    pass(file, |_| Ok(()))?;
    Ok(meter.stop().to_json())
}

/// Hashes a file and writes its bytes into another, which is on disk at the end.
pub(in crate::cli) fn copy(job: &CopyJob) -> Result<Map<String, Value>, Failure> {
    let meter = Meter::start();
    let failed = |error| Failure::io(format_args!("writing {}", job.to.display()), &error);
    let mut to = File::create(&job.to).map_err(failed)?;
    pass(&job.file, |bytes| to.write_all(bytes).map_err(failed))?;
    to.sync_all().map_err(failed)?;
    Ok(meter.stop().to_json())
}

/// Appends a page to a file and flushes it, some times: what one durable write takes at best.
pub(in crate::cli) fn flush(path: &Path) -> Result<Map<String, Value>, Failure> {
    let failed = |error| Failure::io(format_args!("writing {}", path.display()), &error);
    let mut file = File::create(path).map_err(failed)?;
    let mut latencies = Vec::new();
    for _ in 0..FLUSHES {
        let start = Instant::now();
        file.write_all(&[0x5a; PAGE_BYTES]).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        latencies.push(start.elapsed());
    }
    let mut found = Map::new();
    found.insert("does".to_owned(), "append of 4 KiB + fsync".into());
    found.insert("latency".to_owned(), Latencies::of(&latencies).to_json());
    Ok(found)
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
