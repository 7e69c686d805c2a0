//! atrium-repo. Opening a CAR hashes every block (`CarStore::open`). The walk of the tree checks
//! neither key order nor layers, and the signature is left to the caller, who is given the bytes.

use atrium_repo::blockstore::{AsyncBlockStoreRead, CarStore, MemoryBlockStore};
use atrium_repo::{Cid, Repository};
use carrack_peers::{Ask, Fresh, Job, Meter, Outcome, SECRET, answer};
use futures::TryStreamExt;
use k256_older::ecdsa::signature::Signer;
use k256_older::ecdsa::{Signature, SigningKey};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Cursor;
use tokio::runtime::Builder;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() {
    let ask = Ask::from_args();
    let outcome = Builder::new_current_thread().build().map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            match ask.job {
                Job::Verify => verify(&ask).await,
                Job::Import => import(&ask).await,
                Job::Export => export(&ask).await,
                Job::Commit => commit(&ask).await,
            }
        })
    });
    answer("atrium", "atrium-repo", &ask, outcome)
}

async fn verify(ask: &Ask) -> Result<Outcome> {
    let meter = Meter::start();
    let (mut store, root) = read(ask).await?;
    let entries: Vec<(String, Cid)> =
        Repository::open(&mut store, root).await?.tree().entries().try_collect().await?;
    let mut record = Vec::new();
    for (_, cid) in &entries {
        store.read_block_into(*cid, &mut record).await?;
    }
    Ok(Outcome::records(entries.len() as u64, meter.stop()))
}

async fn import(ask: &Ask) -> Result<Outcome> {
    let meter = Meter::start();
    let (mut store, root) = fill(ask).await?;
    Repository::open(&mut store, root).await?;
    let spent = meter.stop();
    Ok(Outcome::records(count(&mut store, root).await?, spent))
}

async fn export(ask: &Ask) -> Result<Outcome> {
    let (mut store, root) = fill(ask).await?;
    let records = count(&mut store, root).await?;
    let mut repository = Repository::open(&mut store, root).await?;
    let meter = Meter::start();
    let mut car = Vec::new();
    let output = CarStore::create_with_roots(Cursor::new(&mut car), [root]).await?;
    repository.export_into(output).await?;
    Ok(Outcome::exported(records, car.len(), meter.stop()))
}

async fn commit(ask: &Ask) -> Result<Outcome> {
    let (mut store, root) = fill(ask).await?;
    let before = count(&mut store, root).await?;
    let key = SigningKey::from_slice(&SECRET)?;
    let mut repository = Repository::open(&mut store, root).await?;
    let meter = Meter::start();
    for n in 0..ask.commits {
        let fresh = Fresh::new(n);
        let (unsigned, _) = repository.add_raw(&fresh.path(), value(&fresh)).await?;
        let signature: Signature = key.sign(&unsigned.bytes());
        unsigned.finalize(signature.to_vec()).await?;
    }
    let spent = meter.stop();
    let data = repository.commit().data().to_string();
    let listed: Vec<_> = repository.tree().entries().try_collect().await?;
    Ok(Outcome::committed((listed.len() as u64).saturating_sub(before), data, spent))
}

async fn read(ask: &Ask) -> Result<(CarStore<Cursor<Vec<u8>>>, Cid)> {
    let store = CarStore::open(Cursor::new(std::fs::read(&ask.file)?)).await?;
    let root = store.roots().next().ok_or("a CAR without a root")?;
    Ok((store, root))
}

async fn fill(ask: &Ask) -> Result<(MemoryBlockStore, Cid)> {
    let (mut car, root) = read(ask).await?;
    let mut store = MemoryBlockStore::new();
    Repository::open(&mut car, root).await?.export_into(&mut store).await?;
    Ok((store, root))
}

async fn count(store: &mut MemoryBlockStore, root: Cid) -> Result<u64> {
    let mut repository = Repository::open(store, root).await?;
    let entries: Vec<_> = repository.tree().entries().try_collect().await?;
    Ok(entries.len() as u64)
}

/// Fields that serde encodes as a map of texts.
fn value(fresh: &Fresh) -> BTreeMap<&str, &str> {
    fresh.fields.iter().map(|(name, text)| (*name, text.as_str())).collect()
}
