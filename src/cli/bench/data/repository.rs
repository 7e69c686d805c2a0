//! Signed repositories of any size, each made from a number.

use crate::cli::bench::data::generated_tree::GeneratedTree;
use crate::cli::bench::data::records::GeneratedRecords;
use crate::cli::bench::data::rng::Rng;
use carrack::block::Block;
use carrack::car::Writer;
use carrack::commit::{Commit, UnsignedCommit};
use carrack::ident::Did;
use carrack::key::{Curve, SigningKey};
use carrack::parts::tree::Tree;
use std::io::Write;

/// The order of a file's blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum BlockOrder {
    /// As the tree asks for them.
    Streaming,
    /// As chance will have it, the commit first.
    Shuffled,
}

impl BlockOrder {
    pub(in crate::cli) fn as_str(self) -> &'static str {
        match self {
            Self::Streaming => "streaming",
            Self::Shuffled => "shuffled",
        }
    }
}

/// A signed repository.
pub(in crate::cli) struct Repository {
    tree: GeneratedTree,
    commit: Commit,
}

/// The key that all generated accounts sign with.
pub(in crate::cli) fn signing_key() -> carrack::Result<SigningKey> {
    Ok(SigningKey::from_bytes(Curve::K256, &[0x5a; 32])?)
}

impl Repository {
    /// The repository of account number `seed` with `count` records.
    pub(in crate::cli) fn generate(seed: u64, count: u64) -> carrack::Result<Self> {
        let records = GeneratedRecords::of(seed);
        let tree = GeneratedTree::of(records, count)?;
        let data = tree.data().unwrap_or_else(|| Tree::empty().seal());
        let unsigned =
            UnsignedCommit { did: records.did()?, data, rev: GeneratedRecords::rev(count)? };
        let commit = unsigned.sign(&signing_key()?)?;
        Ok(Self { tree, commit })
    }

    /// The account.
    pub(in crate::cli) fn did(&self) -> &Did {
        self.commit.did()
    }

    /// Writes it as a CAR, and gives the number of its bytes.
    pub(in crate::cli) fn write(
        &self,
        order: BlockOrder,
        output: impl Write,
    ) -> carrack::Result<u64> {
        let mut car = Writer::new(output, std::slice::from_ref(self.commit.cid()))?;
        car.write(self.commit.cid(), self.commit.block().bytes())?;
        let mut places = self.tree.places();
        if order == BlockOrder::Shuffled {
            shuffle(&mut places);
        }
        for place in places {
            let block = Block::dag_cbor(self.tree.bytes_at(place)?);
            car.write(block.cid(), block.bytes())?;
        }
        let bytes = car.bytes_written();
        car.finish()?;
        Ok(bytes)
    }
}

fn shuffle(places: &mut [u32]) {
    let mut rng = Rng::new(7);
    for end in (1..places.len()).rev() {
        let other = usize::try_from(rng.below(end as u64 + 1)).unwrap_or_default();
        places.swap(end, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrack::env::SystemClock;
    use carrack::verify::{self, Discard, ExpectedHead, Input, verify};

    #[test]
    fn both_orders_are_valid_and_the_same_repository() {
        let expect = |did: &Did| {
            ExpectedHead::signed_by([signing_key().unwrap().verifying_key()]).did(did.clone())
        };
        for count in [1, 2, 700] {
            let made = Repository::generate(5, count).unwrap();
            let mut seen = Vec::new();
            for order in [BlockOrder::Streaming, BlockOrder::Shuffled] {
                let mut bytes = Vec::new();
                let length = made.write(order, &mut bytes).unwrap();
                assert_eq!(length, bytes.len() as u64);
                let input = Input::spill(&bytes[..], "a test").unwrap();
                let report =
                    verify(&input, &expect(made.did()), &SystemClock, &mut Discard).unwrap();
                assert!(report.is_valid(), "{:?}", report.problems);
                assert_eq!(report.records, Some(count));
                assert_eq!(report.unreferenced_blocks, Some(0));
                let streaming = report.order == Some(verify::Order::Streaming);
                assert!(count < 700 || streaming == (order == BlockOrder::Streaming));
                seen.push((report.data, length));
            }
            assert_eq!(seen[0], seen[1]);
        }
    }
}
