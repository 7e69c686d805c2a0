//! A mirror that takes a host's frames is the host's repository, step by step.
//! Holds guarantee G17.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use crate::common::host::{Host, event, expect};
use crate::common::{assert_clean, car_input, create_op, did, key};
use carrack::Code;
use carrack::engine::{State, WriteOptions};
use carrack::error::Error;
use carrack::event::Event;
use carrack::follow::{Followed, Ignored, Mirror, Mismatch};
use carrack::key::{Curve, SigningKey};
use carrack::verify::{ExpectedHead, Input};

#[test]
fn every_event_brings_the_copy_to_the_hosts_root() {
    for seed in 0..5 {
        let mut host = Host::new(seed);
        let copies = crate::common::engine();
        let mut mirror = Mirror::after(&copies, 0);
        for step in 0..40 {
            // The account's first events are there to begin with.
            if step > 0 {
                host.step();
            }
            for frame in host.news() {
                let taken = mirror.take(&frame, &expect()).unwrap();
                assert_eq!(taken.missed, 0);
                assert!(!matches!(taken.outcome, Followed::OutOfSync(_)), "{taken:?}");
                if let Event::Commit(commit) = event(&frame) {
                    let status = copies.status(&did()).unwrap();
                    assert_eq!(host.heads[&commit.rev].1, status.data.unwrap());
                    assert_eq!(
                        (status.rev, status.commit),
                        (Some(commit.rev), Some(commit.commit))
                    );
                }
            }
            host.check_same(&copies);
            let states = [&host.engine, &copies].map(|engine| engine.status(&did()).unwrap().state);
            assert_eq!(states[0], states[1]);
            if step % 13 == 0 {
                assert_clean(&copies);
            }
        }
        assert_clean(&copies);
        let [here, there] =
            [&host.engine, &copies].map(|engine| crate::common::export(engine, &did()));
        assert!(here == there, "the exports differ");
    }
}

#[test]
fn a_sync_declares_what_has_to_be_fetched() {
    let mut host = Host::new(50);
    let copies = crate::common::engine();
    let mut mirror = Mirror::new(&copies);
    host.write();
    for frame in host.news() {
        mirror.take(&frame, &expect()).unwrap();
    }
    let before = copies.status(&did()).unwrap();
    // The host tells where it is, of which the commit never arrived.
    host.write();
    host.engine.set_state(&did(), State::Deactivated).unwrap();
    host.engine.set_state(&did(), State::Active).unwrap();
    let frames = host.news();
    let [_, states @ .., sync] = &frames[..] else { panic!("too few") };
    for frame in states {
        mirror.take(frame, &expect()).unwrap();
    }
    let Followed::OutOfSync(found) = mirror.take(sync, &expect()).unwrap().outcome else {
        panic!("in sync");
    };
    assert_eq!(found.why, Mismatch::Sync);
    assert_eq!((Some(found.held_rev), Some(found.held_data)), (before.rev, before.data));
    assert_eq!(Some(found.rev), host.engine.status(&did()).unwrap().rev);
    // It stays so until something is done about it.
    host.write();
    let [frame] = &host.news()[..] else { panic!("one event") };
    let taken = mirror.take(frame, &expect()).unwrap();
    assert!(matches!(&taken.outcome, Followed::OutOfSync(found) if found.why == Mismatch::Since));
    assert_eq!(copies.status(&did()).unwrap().commit, before.commit);
    host.recover(&copies, true);
    assert_clean(&copies);
}

#[test]
fn a_copy_can_be_followed_in_turn() {
    let mut host = Host::new(60);
    let (first, second) = (crate::common::engine(), crate::common::engine());
    let (mut near, mut far) = (Mirror::new(&first), Mirror::new(&second));
    let mut events = first.events(0).unwrap();
    far.recover(
        &Input::spill(&crate::common::export(&host.engine, &did())[..], "").unwrap(),
        &did(),
        &expect(),
    )
    .unwrap();
    for _ in 0..8 {
        host.write();
        for frame in host.news() {
            near.take(&frame, &expect()).unwrap();
        }
        while let Some(event) = events.next().unwrap() {
            let outcome = far.take(&event.frame(), &expect()).unwrap().outcome;
            let Followed::OutOfSync(found) = outcome else { continue };
            let mut car = Vec::new();
            first.export_since(&did(), found.held_rev, &mut car).unwrap();
            let replace = second.status(&did()).unwrap().commit;
            let options = crate::common::with_key().replace(replace);
            second.apply_diff(&car_input(&car[..]), &options).unwrap();
        }
        host.check_same(&second);
    }
}

#[test]
fn states_follow_and_what_is_deleted_stays_deleted() {
    let mut host = Host::new(70);
    let copies = crate::common::engine();
    let mut mirror = Mirror::new(&copies);
    let take_all = |host: &mut Host, mirror: &mut Mirror| -> Vec<Followed> {
        let frames = host.news();
        frames.iter().map(|frame| mirror.take(frame, &expect()).unwrap().outcome).collect()
    };
    let old = host.news();
    for frame in &old {
        mirror.take(frame, &expect()).unwrap();
    }
    for state in [State::Suspended, State::TakenDown, State::Deactivated, State::Active] {
        host.engine.set_state(&did(), state.clone()).unwrap();
        let outcomes = take_all(&mut host, &mut mirror);
        assert_eq!(outcomes[0], Followed::Account { state: state.clone() });
        assert_eq!(copies.status(&did()).unwrap().state, state);
    }
    host.engine.delete_account(&did()).unwrap();
    let outcomes = take_all(&mut host, &mut mirror);
    assert_eq!(outcomes, [Followed::Account { state: State::Deleted }]);
    // Events of before, sent again under new numbers, do not bring it back.
    for (frame, seq) in old.iter().zip(1_000..) {
        let mut event = event(frame);
        event.set_seq(seq);
        let outcome = mirror.take(&event.encode(), &expect()).unwrap().outcome;
        assert!(matches!(outcome, Followed::Ignored(Ignored::NotHeld | Ignored::OldRev)));
    }
    assert_eq!(copies.status(&did()).unwrap().state, State::Deleted);
    host.engine.create_account(&did(), &key()).unwrap();
    let mut mirror = Mirror::new(&copies);
    let outcomes = take_all(&mut host, &mut mirror);
    assert!(matches!(outcomes[..], [.., Followed::Created { .. }]), "{outcomes:?}");
    host.check_same(&copies);
}

#[test]
fn keys_decide_what_is_taken() {
    let mut host = Host::new(80);
    let copies = crate::common::engine();
    let mut mirror = Mirror::new(&copies);
    let none = ExpectedHead::default();
    let frames = host.news();
    // Nothing is created under a key that is not given.
    for frame in &frames {
        let outcome = mirror.take(frame, &none).unwrap().outcome;
        assert_eq!(outcome, Followed::Ignored(Ignored::NotHeld));
    }
    assert!(copies.accounts().unwrap().is_empty());
    let mut mirror = Mirror::new(&copies);
    let other = SigningKey::from_bytes(Curve::P256, &[9; 32]).unwrap();
    let wrong = ExpectedHead::signed_by([other.verifying_key()]);
    let commit = frames.last().unwrap();
    let refused = mirror.take(commit, &wrong).unwrap_err();
    assert_eq!(refused.problems()[0].code, Code::BadSignature);
    assert!(matches!(mirror.take(commit, &expect()).unwrap().outcome, Followed::Created { .. }));
    // From here on the key of the head will do, until it is changed.
    host.write();
    let news = host.news();
    assert!(matches!(mirror.take(&news[0], &none).unwrap().outcome, Followed::Applied { .. }));
    let again = mirror.take(&news[0], &none).unwrap().outcome;
    assert_eq!(again, Followed::Ignored(Ignored::Repeated));
    let op = create_op("com.example.new/1".parse().unwrap(), vec![0xa0]);
    let rekey = WriteOptions::default().rekey(true);
    host.engine.write(&did(), vec![op], &rekey, &other).unwrap();
    let news = host.news();
    assert_eq!(mirror.take(&news[0], &none).unwrap_err().problems()[0].code, Code::BadSignature);
    assert!(matches!(mirror.take(&news[0], &wrong).unwrap().outcome, Followed::Applied { .. }));
    host.check_same(&copies);
    // A frame that is malformed, and one of an unknown account.
    assert!(matches!(mirror.take(b"no frame", &none), Err(Error::Refused(_))));
    let error = mirror.take(b"\xa1\x62op\x20\xa1\x65error\x64Gone", &none).unwrap();
    assert_eq!(error.outcome, Followed::Ignored(Ignored::Unknown));
}
