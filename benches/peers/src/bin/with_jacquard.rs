//! jacquard-repo. Neither reading a CAR nor its block store hashes what comes in; the tree's walk
//! checks neither key order nor layers; `Commit::verify` checks the signature.

use carrack_peers::{Ask, COLLECTION, Fresh, Job, Meter, Outcome, PUBLIC, SECRET, answer};
use iroh_car::{CarHeader, CarWriter};
use jacquard_common::types::crypto::{KeyCodec, PublicKey};
use jacquard_common::types::recordkey::RecordKey;
use jacquard_common::types::string::{Nsid, Rkey};
use jacquard_common::types::value::RawData;
use jacquard_repo::car::parse_car_bytes;
use jacquard_repo::mst::RecordWriteOp;
use jacquard_repo::{BlockStore, MemoryBlockStore, Repository};
use k256_older::ecdsa::SigningKey;
use smol_str::SmolStr;
use std::error::Error;
use std::sync::Arc;
use tokio::runtime::Builder;

type Result<T> = std::result::Result<T, Box<dyn Error>>;
type Repo = Repository<SmolStr, MemoryBlockStore>;

fn main() {
    let ask = Ask::from_args();
    // As many threads as the tasks of `create_commit` want.
    let outcome = Builder::new_multi_thread().build().map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            match ask.job {
                Job::Verify => verify(&ask).await,
                Job::Import => import(&ask).await,
                Job::Export => export(&ask).await,
                Job::Commit => commit(&ask).await,
            }
        })
    });
    answer("jacquard", "jacquard-repo", &ask, outcome)
}

async fn verify(ask: &Ask) -> Result<Outcome> {
    let meter = Meter::start();
    let repo = fill(ask).await?;
    let key = PublicKey { codec: KeyCodec::Secp256k1, bytes: PUBLIC[..].into() };
    repo.current_commit().verify(&key)?;
    // `leaves`, with a task for each subtree, took longer on two cores.
    let leaves = repo.mst().leaves_sequential().await?;
    for (path, cid) in &leaves {
        repo.storage().get(cid).await?.ok_or_else(|| format!("no record at {path}"))?;
    }
    Ok(Outcome::records(leaves.len() as u64, meter.stop()))
}

async fn import(ask: &Ask) -> Result<Outcome> {
    let meter = Meter::start();
    let repo = fill(ask).await?;
    let spent = meter.stop();
    Ok(Outcome::records(count(&repo).await?, spent))
}

async fn export(ask: &Ask) -> Result<Outcome> {
    let repo = fill(ask).await?;
    let records = count(&repo).await?;
    let root = *repo.current_commit_cid();
    let meter = Meter::start();
    // What `Repository::export_car` does, which only writes to a file, and that unbuffered.
    let mut car = CarWriter::new(CarHeader::new_v1(vec![root]), Vec::new());
    car.write(root, repo.storage().get(&root).await?.ok_or("there is no commit")?).await?;
    repo.mst().write_blocks_to_car(&mut car).await?;
    let bytes = car.finish().await?;
    Ok(Outcome::exported(records, bytes.len(), meter.stop()))
}

async fn commit(ask: &Ask) -> Result<Outcome> {
    let mut repo = fill(ask).await?;
    let before = count(&repo).await?;
    let key = SigningKey::from_slice(&SECRET)?;
    let did = repo.did().clone();
    let meter = Meter::start();
    for n in 0..ask.commits {
        let op = create(&Fresh::new(n))?;
        let (_, commit) = repo.create_commit(&[op], &did, None, &key).await?;
        repo.apply_commit(commit).await?;
    }
    let spent = meter.stop();
    let data = repo.current_commit().data().to_string();
    Ok(Outcome::committed(count(&repo).await?.saturating_sub(before), data, spent))
}

async fn fill(ask: &Ask) -> Result<Repo> {
    let parsed = parse_car_bytes(&std::fs::read(&ask.file)?).await?;
    let store = Arc::new(MemoryBlockStore::new_from_blocks(parsed.blocks));
    Ok(Repository::from_commit(store, &parsed.root).await?)
}

/// Through a fresh view of the tree, so that no job finds nodes decoded already.
async fn count(repo: &Repo) -> Result<u64> {
    let repo: Repo =
        Repository::from_commit(Arc::clone(repo.storage()), repo.current_commit_cid()).await?;
    Ok(repo.mst().leaves_sequential().await?.len() as u64)
}

fn create(fresh: &Fresh) -> Result<RecordWriteOp<'static, SmolStr>> {
    let fields = fresh.fields.iter();
    let record =
        fields.map(|(name, text)| (SmolStr::new(name), RawData::String(text.clone().into())));
    Ok(RecordWriteOp::Create {
        collection: Nsid::new(SmolStr::new(COLLECTION))?,
        rkey: RecordKey(Rkey::new(SmolStr::new(&fresh.rkey))?),
        record: record.collect(),
    })
}
