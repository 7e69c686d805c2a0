//! The form of frames, whatever they say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use carrack::Code;
use carrack::block::drisl;
use carrack::env::ManualClock;
use carrack::event::{
    AccountEvent, Event, EventReport, Frame, HostingStatus, IdentityEvent, Timestamp, UnknownFrame,
    Verdict, decode_frame, verify_frame,
};
use carrack::ident::Did;
use carrack::verify::ExpectedHead;
use ipld_core::ipld;
use ipld_core::ipld::Ipld;
use proptest::prelude::*;

const NOW: u64 = 1_700_000_000_000_000;

fn did() -> Did {
    "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap()
}

fn verify(frame: &[u8]) -> EventReport {
    let expect = ExpectedHead::unchecked().did(did());
    verify_frame(frame, &expect, &ManualClock::new(NOW))
}

fn codes(frame: &[u8]) -> Vec<Code> {
    verify(frame).problems.listed().iter().map(|problem| problem.code).collect()
}

/// A frame of any header and body.
fn frame(header: &Ipld, body: &Ipld) -> Vec<u8> {
    [header, body].map(|half| drisl::encode(half).unwrap()).concat()
}

#[test]
fn an_active_account_is_not_taken_down() {
    use HostingStatus::{Deactivated, Deleted, Desynchronized, Suspended, Takendown, Throttled};
    for (active, status, valid) in [
        (true, None, true),
        (false, None, true),
        (false, Some(Takendown), true),
        (false, Some(HostingStatus::from("asleep")), true),
        (true, Some(Takendown), false),
        (true, Some(Suspended), false),
        (true, Some(Deleted), false),
        (true, Some(Deactivated), false),
        (true, Some(Throttled), true),
        (true, Some(Desynchronized), true),
    ] {
        let time = Timestamp::from_micros(NOW);
        let event = Event::Account(AccountEvent { seq: 1, did: did(), time, active, status });
        let frame = event.encode();
        assert_eq!(decode_frame(&frame).unwrap(), Frame::Event(event));
        assert_eq!(codes(&frame).is_empty(), valid);
        assert_eq!(verify(&frame).signature, None);
    }
}

#[test]
fn unknown_frames_are_ignored_and_broken_ones_are_not() {
    let body = ipld!({ "error": "ConsumerTooSlow" });
    for (header, why) in [
        (ipld!({ "op": -1 }), UnknownFrame::Error),
        (ipld!({ "op": 2, "t": "#commit" }), UnknownFrame::Operation(2)),
        (ipld!({ "op": 1, "t": "#info" }), UnknownFrame::Type("#info".to_owned())),
    ] {
        let frame = frame(&header, &body);
        assert_eq!(decode_frame(&frame).unwrap(), Frame::Unknown(why));
        assert_eq!(verify(&frame).verdict, Verdict::Ignored);
        assert_eq!(decode_frame(&frame[..frame.len() - 1]).unwrap_err().code, Code::BadFrame);
    }
    for header in [ipld!({ "op": 1 }), ipld!({ "t": "#commit" }), ipld!({ "op": "1" }), ipld!([])] {
        assert_eq!(codes(&frame(&header, &body)), [Code::BadFrame]);
    }
    assert_eq!(codes(b""), [Code::BadFrame]);
}

proptest! {
    #[test]
    fn arbitrary_frames_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = verify(&bytes);
        let head = drisl::encode(&ipld!({ "op": 1, "t": "#commit" })).unwrap();
        prop_assert_eq!(verify(&[head, bytes].concat()).verdict, Verdict::Invalid);
    }

    #[test]
    fn events_go_both_ways(
        seq: u64,
        micros in 0..253_402_300_800_000_000_u64,
        handle in prop::option::of("[a-z]{1,9}\\.test"),
        active: bool,
        status in prop::option::of("[a-z]{1,12}"),
    ) {
        let time = Timestamp::from_micros(micros);
        prop_assert_eq!(&time.as_str().parse::<Timestamp>().unwrap(), &time);
        let handle = handle.map(Into::into);
        let status = status.map(|word| HostingStatus::from(&word[..]));
        for event in [
            Event::Identity(IdentityEvent { seq, did: did(), time: time.clone(), handle }),
            Event::Account(AccountEvent { seq, did: did(), time: time.clone(), active, status }),
        ] {
            prop_assert_eq!(decode_frame(&event.encode()).unwrap(), Frame::Event(event));
        }
    }
}
