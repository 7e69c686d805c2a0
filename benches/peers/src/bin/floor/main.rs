//! The yardstick: a verifier as one writes it first. One thread, the whole file in memory, a hash
//! map of CIDs. It checks hashes, key order, layers and the signature, and forgives no malformed
//! byte, but has no bounds, no report and no recovery.

mod car;
mod cbor;
mod walk;

use carrack_peers::{Ask, DID, Job, Meter, Outcome, PUBLIC, answer};
use k256::ecdsa::signature::Verifier;
use k256::ecdsa::{Signature, VerifyingKey};
use std::error::Error;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() {
    let ask = Ask::from_args();
    let outcome = match ask.job {
        Job::Verify => verify(&ask),
        _ => Ok(Outcome::Cannot("the yardstick only verifies")),
    };
    answer("floor", "carrack-peers", &ask, outcome)
}

fn verify(ask: &Ask) -> Result<Outcome> {
    let meter = Meter::start();
    let file = std::fs::read(&ask.file)?;
    let (root, blocks) = car::read(&file)?;
    let commit = blocks.get(&root).ok_or("there is no commit")?;
    let commit = cbor::Commit::decode(commit).ok_or("this is no commit")?;
    if commit.did != DID {
        return Err("another account's".into());
    }
    let signature = Signature::from_slice(commit.signature)?;
    VerifyingKey::from_sec1_bytes(&PUBLIC)?.verify(&commit.unsigned, &signature)?;
    let records = walk::records(&blocks, commit.data)?;
    Ok(Outcome::records(records, meter.stop()))
}
