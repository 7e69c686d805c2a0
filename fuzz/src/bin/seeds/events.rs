use super::{Seeds, named};
use carrack::car::Reader;
use carrack::engine::{Engine, Op};
use carrack::event::{
    AccountEvent, CommitEvent, Event, HostingStatus, IdentityEvent, SyncEvent, Timestamp,
};
use carrack_fuzz::sample::{self, path, record};

/// Frames of an engine, some of them with a field changed.
pub fn seeds() -> Seeds {
    let engine = sample::engine_with(12);
    let create = |n| sample::create(path(n), record(n, 0));
    let step = |ops: Vec<Op>| commit(&engine, ops);
    let created = step(vec![create(20)]);
    let updated = step(vec![sample::update(path(3), record(3, 1))]);
    let deleted = step(vec![Op::delete(path(4))]);
    let mixed = step(vec![
        create(30),
        create(31),
        Op::delete(path(0)),
        sample::update(path(5), record(5, 5)),
        Op::delete(path(7)),
        create(33),
    ]);
    let nothing = {
        let mut event = step(vec![]);
        event.ops.clear();
        event
    };
    let wide = {
        let engine = sample::engine();
        engine.create_account(&sample::did(), &sample::key()).unwrap();
        commit(&engine, (0..30).map(create).collect())
    };
    let mut first = {
        let engine = sample::engine_with(0);
        commit(&engine, vec![create(1)])
    };
    first.since = None;
    let mut with_prev = first.clone();
    first.prev_data = None;
    with_prev.seq = 9;
    let mut wrong_prev = created.clone();
    wrong_prev.prev_data.clone_from(&updated.prev_data);
    let mut left_out = mixed.clone();
    left_out.ops.pop();
    let (did, time) = (sample::did(), Timestamp::from_micros(sample::NOW_MICROS));
    let sync = Event::Sync(SyncEvent {
        seq: 4,
        did: did.clone(),
        time: time.clone(),
        rev: created.rev,
        blocks: head_alone(&created).into(),
    });
    let identity = |handle: Option<&str>| {
        let handle = handle.map(Into::into);
        Event::Identity(IdentityEvent { seq: 5, did: did.clone(), time: time.clone(), handle })
    };
    let account = |active, status| {
        Event::Account(AccountEvent {
            seq: 6,
            did: did.clone(),
            time: time.clone(),
            active,
            status,
        })
    };
    let mut list: Vec<(&str, Vec<u8>)> = vec![
        ("sync", sync.encode()),
        ("identity", identity(Some("alice.example")).encode()),
        ("identity-no-handle", identity(None).encode()),
        ("account", account(true, None).encode()),
        ("account-takendown", account(false, Some(HostingStatus::Takendown)).encode()),
        ("account-contradiction", account(true, Some(HostingStatus::Deleted)).encode()),
        ("error", b"\xa1\x62op\x20\xa1\x65error\x6fConsumerTooSlow".to_vec()),
        ("unknown-type", b"\xa2\x61t\x65#info\x62op\x01\xa1\x64name\x63new".to_vec()),
        ("unknown-op", b"\xa1\x62op\x07\xa0".to_vec()),
        ("nothing", Vec::new()),
        ("header-alone", b"\xa2\x61t\x67#commit\x62op\x01".to_vec()),
    ];
    let commits = [
        ("create", created),
        ("update", updated),
        ("delete", deleted),
        ("mixed", mixed),
        ("no-ops", nothing),
        ("thirty", wide),
        ("first", first),
        ("first-with-prev", with_prev),
        ("wrong-prev", wrong_prev),
        ("op-left-out", left_out),
    ];
    list.extend(commits.map(|(name, event)| (name, Event::Commit(event).encode())));
    named(list)
}

fn commit(engine: &Engine, ops: Vec<Op>) -> CommitEvent {
    let written = sample::write(engine, ops);
    let seq = written.seq.expect("the write changes something");
    let logged = engine.events(seq - 1).unwrap().next().unwrap().unwrap();
    match logged.event().unwrap() {
        Event::Commit(event) => event,
        other => panic!("a write makes {}", other.kind()),
    }
}

/// The start of the event's blocks, up to the end of the commit.
fn head_alone(event: &CommitEvent) -> Vec<u8> {
    let mut reader = Reader::new(&event.blocks[..]).unwrap();
    reader.next_section().unwrap();
    event.blocks[..usize::try_from(reader.offset()).unwrap()].to_vec()
}
