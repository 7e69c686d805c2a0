//! repo-stream, a reader. It hashes every block and checks key order and layers, and leaves the
//! signature to the caller, whom it does not give the bytes that it is over.

use carrack_peers::{Ask, Job, Meter, Outcome, answer};
use repo_stream::{DriverBuilder, LoadError};
use std::error::Error;
use tokio::runtime::Builder;

/// Records that are handed out at a time.
const CHUNK: usize = 256;
/// Every generated file fits; beyond it the library goes to disk.
const MEMORY_MB: usize = 1 << 20;

fn main() {
    let ask = Ask::from_args();
    let outcome = match ask.job {
        Job::Verify => Builder::new_current_thread()
            .build()
            .map_err(Into::into)
            .and_then(|runtime| runtime.block_on(verify(&ask))),
        _ => Ok(Outcome::Cannot("repo-stream only reads: no store to fill, nothing that writes")),
    };
    answer("repo-stream", "repo-stream", &ask, outcome)
}

async fn verify(ask: &Ask) -> Result<Outcome, Box<dyn Error>> {
    let meter = Meter::start();
    let file = std::fs::read(&ask.file)?;
    let loaded = DriverBuilder::new().with_mem_limit_mb(MEMORY_MB).load_car(&file[..]).await;
    let mut car = loaded.map_err(|error| match error {
        LoadError::MemoryLimitReached(_) => "the file is larger than the limit".to_owned(),
        other => other.to_string(),
    })?;
    let mut records = 0;
    while let Some(chunk) = car.next_chunk_strict(CHUNK)? {
        records += chunk.len() as u64;
    }
    Ok(Outcome::records(records, meter.stop()))
}
