//! The revisions that this engine itself held: those that a diff can start from.

use crate::block::Cid;
use crate::error::Result;
use crate::ident::{Did, Rev};
use crate::limits::REVS_HELD_MAX;
use crate::store::account::Account;
use crate::store::read_table::ReadTable;
use crate::store::sealed::REVS;
use crate::store::tables::Tables;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// Stores that the head's revision was held here.
pub(crate) fn hold_rev(tables: &mut Tables<'_>, did: &Did, account: &Account) -> Result<()> {
    let Some(head) = &account.head else { return Ok(()) };
    let key = rev_key(did, head.rev);
    tables.revs.insert(&key[..], &REVS.seal(&key, &head.commit.to_bytes())[..])?;
    if is_drawn(&head.commit) { trim_revs(tables, did) } else { Ok(()) }
}

/// One commit in 256, drawn at random, trims: counting at each would cost more than it saves. The draw
/// is a hash under a key of this process, or the signer of a mirrored account could avoid it.
fn is_drawn(commit: &Cid) -> bool {
    static DRAW: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    DRAW.hash_one(commit).is_multiple_of(256)
}

/// Keeps the newest revisions.
fn trim_revs(tables: &mut Tables<'_>, did: &Did) -> Result<()> {
    let (start, end) = revs_of(did);
    let oldest_kept = match tables.revs.range(&start[..]..&end[..])?.nth_back(REVS_HELD_MAX - 1) {
        Some(row) => row?.0.value().to_vec(),
        None => return Ok(()),
    };
    tables.revs.retain_in(&start[..]..&oldest_kept[..], |_, _| false)?;
    Ok(())
}

/// Forgets the held revisions, because the history that they belong to has ended.
pub(crate) fn forget_revs(tables: &mut Tables<'_>, did: &Did) -> Result<()> {
    let (start, end) = revs_of(did);
    tables.revs.retain_in(&start[..]..&end[..], |_, _| false)?;
    Ok(())
}

/// The key of a revision that was held: DID, 0x00, revision.
pub(crate) fn rev_key(did: &Did, rev: Rev) -> Vec<u8> {
    let mut key = did.as_str().as_bytes().to_vec();
    key.push(0);
    key.extend_from_slice(&rev.as_u64().to_be_bytes());
    key
}

/// The first key of an account's revisions, and the first key behind them.
pub(crate) fn revs_of(did: &Did) -> (Vec<u8>, Vec<u8>) {
    let name = did.as_str().as_bytes();
    ([name, &[0]].concat(), [name, &[1]].concat())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::engine::Engine;

    fn engine() -> Engine {
        Engine::in_memory().unwrap()
    }

    /// Two accounts, of which one's name is the beginning of the other's, with many revisions.
    fn filled(engine: &Engine, count: u64) -> (Did, Did) {
        let one: Did = "did:web:example.com".parse().unwrap();
        let other: Did = "did:web:example.com.net".parse().unwrap();
        let dids = (one.clone(), other.clone());
        engine
            .submit(move |tables| {
                for number in 0..count {
                    for did in [&one, &other] {
                        let key = rev_key(did, Rev::from_u64(number)?);
                        tables.revs.insert(&key[..], &b""[..])?;
                    }
                }
                Ok(())
            })
            .unwrap();
        dids
    }

    #[test]
    fn the_newest_revisions_of_each_account_are_kept() {
        let engine = engine();
        let max = REVS_HELD_MAX as u64;
        let (one, other) = filled(&engine, max + 10);
        let name = one.clone();
        engine.submit(move |tables| trim_revs(tables, &name)).unwrap();
        let view = engine.view().unwrap();
        assert_eq!(view.revs().unwrap().len().unwrap(), 2 * max + 10);
        let holds = |did: &Did, number| {
            let key = rev_key(did, Rev::from_u64(number).unwrap());
            view.revs().unwrap().get(&key[..]).unwrap().is_some()
        };
        assert!(!holds(&one, 9) && holds(&one, 10) && holds(&one, max + 9) && holds(&other, 0));
    }

    #[test]
    fn all_revisions_of_an_account_are_forgotten_and_no_others() {
        let engine = engine();
        let count = REVS_HELD_MAX as u64 * 2;
        let (one, _) = filled(&engine, count);
        engine.submit(move |tables| forget_revs(tables, &one)).unwrap();
        assert_eq!(engine.view().unwrap().revs().unwrap().len().unwrap(), count);
    }

    /// The signer of a mirrored account chooses its digests: none of these ends in 0.
    #[test]
    fn a_signer_does_not_keep_old_revisions_from_being_trimmed() {
        use crate::block::Codec;
        use crate::store::account::{Head, HeadKey, State};
        let engine = engine();
        let max = REVS_HELD_MAX as u64;
        let (one, _) = filled(&engine, max + 500);
        let commits = (0_u64..).map(|number| Cid::of(Codec::DagCbor, &number.to_be_bytes()));
        let chosen = commits.filter(|cid| cid.to_bytes().last() != Some(&0));
        let heads: Vec<_> = (max + 500..).zip(chosen).take(6_000).collect();
        let name = one.clone();
        engine
            .submit(move |tables| {
                for (number, commit) in &heads {
                    let (rev, commit) = (Rev::from_u64(*number)?, commit.clone());
                    let data = commit.clone();
                    let head = Head {
                        tree: 1,
                        commit,
                        data,
                        rev,
                        height: 0,
                        records: 0,
                        blocks: 2,
                        bytes: 9,
                    };
                    let account = Account {
                        state: State::Active,
                        key: HeadKey::Unknown,
                        last_rev: rev,
                        may_be_ahead: false,
                        origin: None,
                        head: Some(head),
                    };
                    hold_rev(tables, &name, &account)?;
                }
                Ok(())
            })
            .unwrap();
        let view = engine.view().unwrap();
        let (start, end) = revs_of(&one);
        let held = view.revs().unwrap().range(&start[..]..&end[..]).unwrap().count();
        // Never trimmed, 10,596 would be held. That 3,000 draws in a row fail has a chance of
        // 1 in 120,000.
        assert!((max..max + 3_000).contains(&(held as u64)), "{held} are held");
    }
}
