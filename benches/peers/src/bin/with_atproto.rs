//! atproto-repo. Reading a CAR hashes every block. The walk of the tree checks neither key order
//! nor layers, and the signature, which the configuration speaks of, is not looked at.

use atproto_dasl::LimitsConfig;
use atproto_dasl::storage::BlockStorage;
use atproto_repo::{MemoryRepository, RepoConfig};
use carrack_peers::{Ask, Job, Meter, Outcome, answer};
use std::error::Error;
use tokio::runtime::Builder;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() {
    let ask = Ask::from_args();
    let outcome = Builder::new_current_thread()
        .build()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(run(&ask)));
    answer("atproto", "atproto-repo", &ask, outcome)
}

async fn run(ask: &Ask) -> Result<Outcome> {
    match ask.job {
        Job::Verify => verify(ask).await,
        Job::Import => import(ask).await,
        Job::Export => Ok(Outcome::Cannot("atproto-repo writes no CAR of a repository")),
        Job::Commit => Ok(Outcome::Cannot(
            "atproto-repo's insert puts every key into the root node, whatever its layer",
        )),
    }
}

async fn verify(ask: &Ask) -> Result<Outcome> {
    let meter = Meter::start();
    let repository = fill(ask).await?;
    let entries = repository.mst().entries().await?;
    for (path, cid) in &entries {
        let record = repository.storage().get(&cid.clone().into()).await?;
        record.ok_or_else(|| format!("no record at {path}"))?;
    }
    Ok(Outcome::records(entries.len() as u64, meter.stop()))
}

async fn import(ask: &Ask) -> Result<Outcome> {
    let meter = Meter::start();
    let repository = fill(ask).await?;
    let spent = meter.stop();
    Ok(Outcome::records(repository.record_count().await? as u64, spent))
}

/// Without its limits, by which a repository of a million records is too large.
async fn fill(ask: &Ask) -> Result<MemoryRepository> {
    let config = RepoConfig::default().with_limits(LimitsConfig::unlimited());
    Ok(MemoryRepository::from_car(&std::fs::read(&ask.file)?[..], config).await?)
}
