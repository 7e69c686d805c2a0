use crate::block::{Cid, Codec};
use std::hash::{BuildHasher, RandomState};

/// A hash function for CIDs, with a random key.
///
/// Two CIDs that were chosen without knowledge of the key collide with a probability of 2^-64: this
/// is the multiply-shift family for vectors (Dietzfelbinger 1996), over the words of the digest,
/// with random numbers of 128 bits. Digests with a common prefix, which take 2^32 attempts for 64
/// bits, do not help an attacker.
#[derive(Clone)]
pub(in crate::verify) struct CidHash {
    words: [u128; 4],
    codec: u128,
    other: RandomState,
}

impl CidHash {
    /// A hash function with a key from the system's random source.
    pub(in crate::verify) fn new() -> Self {
        let other = RandomState::new();
        let mut drawn = 0u64;
        let mut draw = || {
            drawn += 1;
            u128::from(other.hash_one((drawn, "high"))) << 64
                | u128::from(other.hash_one((drawn, "low")))
        };
        Self { words: std::array::from_fn(|_| draw()), codec: draw(), other }
    }

    pub(in crate::verify) fn hash(&self, cid: &Cid) -> u64 {
        let Some((codec, digest)) = cid.blessed() else { return self.other.hash_one(cid) };
        let (words, _) = digest.as_chunks::<8>();
        let start = match codec {
            Codec::Raw => self.codec,
            Codec::DagCbor => self.codec.wrapping_mul(3),
        };
        let sum = words.iter().zip(&self.words).fold(start, |sum, (word, key)| {
            sum.wrapping_add(key.wrapping_mul(u128::from(u64::from_le_bytes(*word))))
        });
        // The upper half.
        (sum >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_cids_have_equal_hashes_and_others_do_not() {
        let cid_hash = CidHash::new();
        let mut seen = std::collections::HashSet::new();
        for number in 0u32..20_000 {
            let bytes = number.to_be_bytes();
            for codec in [Codec::Raw, Codec::DagCbor] {
                let cid = Cid::of(codec, &bytes);
                assert_eq!(cid_hash.hash(&cid), cid_hash.hash(&cid.clone()));
                assert!(seen.insert(cid_hash.hash(&cid)), "a chance of one in 10^10");
            }
        }
        let v0 = "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n".parse::<Cid>().unwrap();
        assert!(seen.insert(cid_hash.hash(&v0)));
    }

    #[test]
    fn each_key_is_another() {
        let cid = Cid::of(Codec::Raw, b"carrack");
        assert_ne!(CidHash::new().hash(&cid), CidHash::new().hash(&cid), "a chance of 2^-64");
    }
}
