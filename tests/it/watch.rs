//! What a relay without copies passes on. Holds guarantee G18.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use crate::common::material::{fixtures, json_of};
use crate::common::{create_op, did, key};
use carrack::Code;
use carrack::Engine;
use carrack::engine::{State, WriteOptions};
use carrack::env::ManualClock;
use carrack::error::Error;
use carrack::event::{Event, Frame, decode_frame};
use carrack::follow::{Ignored, Known, Mismatch, Taken, Watch, Watched};
use carrack::ident::Did;
use carrack::key::VerifyingKey;
use carrack::verify::ExpectedHead;
use serde_json::Value;

/// Late in 2026, behind all captures.
const NOW: u64 = 1_798_000_000_000_000;

fn take(watch: &mut Watch, frame: &[u8], key: &VerifyingKey) -> carrack::Result<Taken<Watched>> {
    let expect_for = |did: &Did| ExpectedHead::signed_by([key.clone()]).did(did.clone());
    watch.take(frame, &expect_for, &ManualClock::new(NOW))
}

fn outcome(watch: &mut Watch, frame: &[u8]) -> Watched {
    take(watch, frame, &key().verifying_key()).unwrap().outcome
}

fn why(outcome: &Watched) -> Option<Mismatch> {
    match outcome {
        Watched::OutOfSync(found) => Some(found.why),
        _ => None,
    }
}

fn news(engine: &Engine, after: u64) -> Vec<Vec<u8>> {
    let mut events = engine.events(after).unwrap();
    std::iter::from_fn(|| events.next().unwrap().map(|event| event.frame())).collect()
}

fn write(engine: &Engine, number: u32) {
    let path = format!("com.example.post/{number}").parse().unwrap();
    let op = create_op(path, crate::common::record(40, number.into()));
    engine.write(&did(), vec![op], &WriteOptions::default(), &key()).unwrap();
}

fn host(commits: u32) -> Engine {
    let engine = crate::common::engine_with_account();
    (0..commits).for_each(|number| write(&engine, number));
    engine
}

fn head(engine: &Engine) -> Known {
    let status = engine.status(&did()).unwrap();
    Known { commit: status.commit.unwrap(), rev: status.rev.unwrap(), data: status.data.unwrap() }
}

fn changed(frame: &[u8], change: impl FnOnce(&mut Event)) -> Vec<u8> {
    let Frame::Event(mut event) = decode_frame(frame).unwrap() else { panic!("no event") };
    change(&mut event);
    event.encode()
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn relay_scenarios() {
    let folder = fixtures().join("indigo/cmd/relay/testing/testdata");
    let (mut scenarios, mut commits) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let scenario = json_of(&path);
        scenarios += 1;
        let mut watch = Watch::new();
        for message in scenario["messages"].as_array().unwrap() {
            let halves = [&message["frame"]["header"], &message["frame"]["body"]];
            let frame = halves.map(|half| carrack::block::json::from_json(half).unwrap()).concat();
            let is_commit = message["frame"]["header"]["t"] == "#commit";
            let accounts = scenario["accounts"].as_array().unwrap();
            let expect_for = |did: &Did| {
                let is = |account: &&Value| account["identity"]["did"] == did.as_str();
                let identity = &accounts.iter().find(is).unwrap()["identity"];
                let key = identity["keys"]["atproto"]["publicKeyMultibase"].as_str().unwrap();
                let key = format!("did:key:{key}").parse().unwrap();
                ExpectedHead::signed_by([key]).did(did.clone())
            };
            let taken = watch.take(&frame, &expect_for, &ManualClock::new(NOW));
            if scenario["lenient"] == true && is_commit {
                // Of before sync 1.1, without prevData: nothing here passes them on.
                let error = taken.unwrap_err();
                assert_eq!(error.problems()[0].code, Code::InversionFailed, "{path:?}");
                continue;
            }
            let taken = taken.map(|taken| taken.outcome);
            let wanted = message["invalid"] != true && message["drop"] != true;
            assert_eq!(matches!(taken, Ok(Watched::Pass)), wanted, "{path:?}: {taken:?}");
            commits += u32::from(is_commit);
        }
    }
    assert!(scenarios >= 3 && commits >= 6, "{scenarios} scenarios, {commits} commits");
}

/// The commits of the post's life, each one left out in turn, and two swapped.
#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn a_relay_scenario_with_a_loss() {
    let path = fixtures().join("indigo/cmd/relay/testing/testdata/post_lifecycle.json");
    let scenario = json_of(path);
    let key = &scenario["accounts"][0]["identity"]["keys"]["atproto"]["publicKeyMultibase"];
    let key: VerifyingKey = format!("did:key:{}", key.as_str().unwrap()).parse().unwrap();
    let messages = scenario["messages"].as_array().unwrap();
    let frames = messages.iter().map(|message| {
        let halves = [&message["frame"]["header"], &message["frame"]["body"]];
        halves.map(|half| carrack::block::json::from_json(half).unwrap()).concat()
    });
    let frames: Vec<Vec<u8>> = frames.collect();
    for lost in 1..frames.len() - 1 {
        let mut watch = Watch::new();
        for (at, frame) in frames.iter().enumerate().filter(|(at, _)| *at != lost) {
            let outcome = take(&mut watch, frame, &key).unwrap().outcome;
            match at {
                _ if at < lost => assert_eq!(outcome, Watched::Pass),
                _ if at == lost + 1 => assert_eq!(why(&outcome), Some(Mismatch::Since)),
                _ => assert_eq!(why(&outcome), Some(Mismatch::Earlier)),
            }
        }
    }
}

#[test]
fn out_of_sync_until_somebody_says_where_the_account_is() {
    let engine = host(6);
    let frames = news(&engine, 0);
    let dropped = 4;
    let lost = || {
        let mut watch = Watch::new();
        for (at, frame) in frames.iter().enumerate().filter(|(at, _)| *at != dropped) {
            let taken = take(&mut watch, frame, &key().verifying_key()).unwrap();
            assert_eq!(taken.missed, u64::from(at == dropped + 1));
            assert_eq!(taken.outcome == Watched::Pass, at < dropped);
            assert_eq!(watch.is_out_of_sync(&did()), at > dropped);
        }
        watch
    };
    let next = |watch: &mut Watch| {
        let cursor = engine.last_seq().unwrap();
        write(&engine, u32::try_from(cursor).unwrap() + 100);
        outcome(watch, &news(&engine, cursor)[0])
    };
    // Nothing, and it stays so.
    let mut watch = lost();
    assert_eq!(why(&next(&mut watch)), Some(Mismatch::Earlier));
    // The caller asked the host.
    let mut watch = lost();
    watch.remember(&did(), head(&engine));
    assert_eq!(next(&mut watch), Watched::Pass);
    // The caller begins anew.
    let mut watch = lost();
    watch.forget(&did());
    assert_eq!(next(&mut watch), Watched::Pass);
    // The host declares it.
    let mut watch = lost();
    let cursor = engine.last_seq().unwrap();
    engine.set_state(&did(), State::Deactivated).unwrap();
    engine.set_state(&did(), State::Active).unwrap();
    let outcomes: Vec<Watched> =
        news(&engine, cursor).iter().map(|frame| outcome(&mut watch, frame)).collect();
    assert!(outcomes.iter().all(|outcome| *outcome == Watched::Pass), "{outcomes:?}");
    assert_eq!(watch.known(&did()), Some(&head(&engine)));
    assert_eq!(next(&mut watch), Watched::Pass);
}

#[test]
fn repeated_older_and_contradicting_events_are_dropped() {
    let engine = host(4);
    let frames = news(&engine, 0);
    let mut watch = Watch::new();
    for frame in &frames {
        assert_eq!(outcome(&mut watch, frame), Watched::Pass);
        assert_eq!(outcome(&mut watch, frame), Watched::Ignored(Ignored::Repeated));
    }
    let renumbered = |frame: &[u8], seq| changed(frame, |event| event.set_seq(seq));
    let [.., older, last] = &frames[..] else { panic!("too few") };
    let again = outcome(&mut watch, &renumbered(last, 1_000));
    assert_eq!(again, Watched::Ignored(Ignored::AlreadyHeld));
    let past = outcome(&mut watch, &renumbered(older, 1_001));
    assert_eq!(past, Watched::Ignored(Ignored::OldRev));
    assert!(!watch.is_out_of_sync(&did()));
    // A `since` that is not the last one; it is not signed.
    let cursor = engine.last_seq().unwrap();
    write(&engine, 77);
    let next = &news(&engine, cursor)[0];
    let altered = changed(next, |event| {
        let Event::Commit(commit) = event else { panic!("no commit") };
        commit.since = None;
        commit.seq = 1_002;
    });
    assert_eq!(why(&outcome(&mut watch, &altered)), Some(Mismatch::Since));
    assert_eq!(why(&outcome(&mut watch, &renumbered(next, 1_003))), Some(Mismatch::Earlier));
    // Without a key nothing is believed, and a forged frame leaves no trace.
    let no_key = |_: &Did| ExpectedHead::default();
    let error = watch.take(&renumbered(next, 1_004), &no_key, &ManualClock::new(NOW));
    assert!(matches!(error, Err(Error::Request(_))));
    let forged = changed(next, |event| {
        let Event::Commit(commit) = event else { panic!("no commit") };
        commit.ops.clear();
        commit.seq = 9_000;
    });
    assert!(matches!(take(&mut watch, &forged, &key().verifying_key()), Err(Error::Refused(_))));
    watch.remember(&did(), Known { ..watch.known(&did()).unwrap().clone() });
    assert_eq!(outcome(&mut watch, &renumbered(next, 1_005)), Watched::Pass);
}

#[test]
fn accounts_that_are_not_active_are_not_passed_on() {
    let engine = host(2);
    let mut watch = Watch::new();
    let frames = news(&engine, 0);
    let [identity, account, first, second, third] = &frames[..] else { panic!("five events") };
    for frame in [identity, account, first] {
        assert_eq!(outcome(&mut watch, frame), Watched::Pass);
    }
    let seq = |frame: &[u8], seq, active| {
        changed(frame, |event| {
            event.set_seq(seq);
            if let Event::Account(account) = event {
                account.active = active;
            }
        })
    };
    assert_eq!(outcome(&mut watch, &seq(account, 10, false)), Watched::Pass);
    let dropped = outcome(&mut watch, &seq(second, 11, false));
    assert_eq!(dropped, Watched::Ignored(Ignored::Inactive));
    assert_eq!(outcome(&mut watch, &seq(account, 12, true)), Watched::Pass);
    // What was dropped was noted all the same.
    assert_eq!(outcome(&mut watch, &seq(third, 13, true)), Watched::Pass);
    // Deleted, it can only begin anew, and not with what was before.
    let cursor = engine.last_seq().unwrap();
    engine.delete_account(&did()).unwrap();
    engine.create_account(&did(), &key()).unwrap();
    let again: Vec<Vec<u8>> = news(&engine, cursor)
        .iter()
        .zip(20..)
        .map(|(frame, at)| changed(frame, |e| e.set_seq(at)))
        .collect();
    let [deleted, .., anew] = &again[..] else { panic!("too few") };
    assert_eq!(outcome(&mut watch, deleted), Watched::Pass);
    let old = outcome(&mut watch, &seq(second, 21, true));
    assert_eq!(old, Watched::Ignored(Ignored::OldRev));
    for frame in &again[1..again.len() - 1] {
        let frame = changed(frame, |event| event.set_seq(event.seq() + 10));
        assert_eq!(outcome(&mut watch, &frame), Watched::Pass);
    }
    let anew = changed(anew, |event| event.set_seq(100));
    assert_eq!(outcome(&mut watch, &anew), Watched::Pass);
    assert_eq!(watch.accounts(), 1);
    let unknown = outcome(&mut watch, b"\xa1\x62op\x20\xa1\x65error\x64Gone");
    assert_eq!(unknown, Watched::Ignored(Ignored::Unknown));
}
