//! rsky-repo. `verify_repo` checks the signature and that every record is there; nothing hashes
//! what a CAR holds, and the tree's walk checks neither key order nor layers.

use carrack_peers::{Ask, COLLECTION, DID, DID_KEY, Fresh, Job, Meter, Outcome, SECRET, answer};
use futures::{StreamExt, pin_mut};
use rsky_repo::car::{CarWithRoot, read_car_with_root};
use rsky_repo::repo::Repo;
use rsky_repo::storage::memory_blockstore::MemoryBlockstore;
use rsky_repo::storage::types::RepoStorage;
use rsky_repo::sync::consumer::verify_repo;
use rsky_repo::sync::provider::get_full_repo;
use rsky_repo::types::{RecordCreateOrUpdateOp, RecordWriteEnum, RecordWriteOp, WriteOpAction};
use secp256k1::{Keypair, Secp256k1};
use serde_json::Value;
use std::error::Error;
use std::sync::Arc;
use std::thread;
use tokio::runtime::Builder;
use tokio::sync::RwLock;

type Result<T> = std::result::Result<T, Box<dyn Error>>;
type Storage = Arc<RwLock<dyn RepoStorage>>;

/// Its futures recurse into the tree and are large.
const STACK_BYTES: usize = 256 << 20;

fn main() {
    let run = thread::Builder::new().stack_size(STACK_BYTES).spawn(|| {
        let ask = Ask::from_args();
        let outcome = Builder::new_current_thread()
            .build()
            .map_err(Into::into)
            .and_then(|runtime| runtime.block_on(run(&ask)));
        answer("rsky", "rsky-repo", &ask, outcome)
    });
    let ended = run.map(thread::JoinHandle::join);
    eprintln!("the job ended without an answer: {ended:?}");
    std::process::exit(1);
}

async fn run(ask: &Ask) -> Result<Outcome> {
    match ask.job {
        Job::Verify => verify(ask).await,
        Job::Import => import(ask).await,
        Job::Export => export(ask).await,
        Job::Commit => commit(ask).await,
    }
}

async fn verify(ask: &Ask) -> Result<Outcome> {
    let meter = Meter::start();
    let CarWithRoot { root, mut blocks } = read_car_with_root(std::fs::read(&ask.file)?).await?;
    let (did, key) = (DID.to_owned(), DID_KEY.to_owned());
    let verified = verify_repo(&mut blocks, root, Some(&did), Some(&key), None).await?;
    Ok(Outcome::records(verified.creates.len() as u64, meter.stop()))
}

async fn import(ask: &Ask) -> Result<Outcome> {
    let meter = Meter::start();
    let (_, repo) = fill(ask).await?;
    let spent = meter.stop();
    Ok(Outcome::records(count(&repo).await?, spent))
}

async fn export(ask: &Ask) -> Result<Outcome> {
    let (storage, repo) = fill(ask).await?;
    let records = count(&repo).await?;
    let meter = Meter::start();
    let stream = get_full_repo(storage, repo.cid).await?;
    pin_mut!(stream);
    let mut car = Vec::new();
    while let Some(piece) = stream.next().await {
        car.extend_from_slice(&piece?);
    }
    Ok(Outcome::exported(records, car.len(), meter.stop()))
}

async fn commit(ask: &Ask) -> Result<Outcome> {
    let (_, mut repo) = fill(ask).await?;
    let before = count(&repo).await?;
    let key = Keypair::from_seckey_slice(&Secp256k1::new(), &SECRET)?;
    let meter = Meter::start();
    for n in 0..ask.commits {
        repo = repo.apply_writes(create(Fresh::new(n))?, &key).await?;
    }
    let spent = meter.stop();
    let listed = count(&repo).await?;
    Ok(Outcome::committed(listed.saturating_sub(before), repo.commit.data.to_string(), spent))
}

async fn fill(ask: &Ask) -> Result<(Storage, Repo)> {
    let CarWithRoot { root, blocks } = read_car_with_root(std::fs::read(&ask.file)?).await?;
    let storage: Storage = Arc::new(RwLock::new(MemoryBlockstore::new(Some(blocks)).await?));
    let repo = Repo::load(Arc::clone(&storage), Some(root)).await?;
    Ok((storage, repo))
}

/// Through a fresh view of the tree, so that no job finds nodes decoded already.
async fn count(repo: &Repo) -> Result<u64> {
    let repo = Repo::load(Arc::clone(&repo.storage), Some(repo.cid)).await?;
    Ok(repo.data.leaf_count().await? as u64)
}

fn create(fresh: Fresh) -> Result<RecordWriteEnum> {
    let fields = fresh.fields.into_iter();
    let record: Value = fields.map(|(name, text)| (name.to_owned(), text)).collect();
    Ok(RecordWriteEnum::Single(RecordWriteOp::Create(RecordCreateOrUpdateOp {
        action: WriteOpAction::Create,
        collection: COLLECTION.to_owned(),
        rkey: fresh.rkey,
        record: serde_json::from_value(record)?,
    })))
}
