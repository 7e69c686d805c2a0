//! What the host promises beyond the self-check of `axum_host`: clients that are slow, and cursors.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use carrack::Engine;
use carrack::env::SystemRandom;
use carrack::event::{Event, Frame, decode_frame};
use carrack::ident::Did;
use carrack::key::{Curve, Signer, SigningKey};
use carrack_examples::SAMPLE_DID;
use carrack_examples::client::Client;
use carrack_examples::host::{Account, Host, Running, start};
use std::collections::HashMap;
use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use tungstenite::{Message, WebSocket};

const TOKEN: &str = "token";

fn running() -> (Running, Client) {
    let did: Did = SAMPLE_DID.parse().unwrap();
    let signer: Arc<dyn Signer> =
        Arc::new(SigningKey::generate(Curve::K256, &SystemRandom).unwrap());
    let engine = Engine::in_memory().unwrap();
    engine.create_account(&did, &*signer).unwrap();
    let accounts = HashMap::from([(did, Account { signer, token: TOKEN.to_owned() })]);
    let host = start(Host::new(engine, accounts).unwrap()).unwrap();
    let client = Client::new(host.address());
    (host, client)
}

fn subscribe(host: &Running, cursor: u64) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(host.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let address = host.address();
    let url = format!("ws://{address}/xrpc/com.atproto.sync.subscribeRepos?cursor={cursor}");
    tungstenite::client(url, stream).unwrap().0
}

fn next_event(socket: &mut WebSocket<TcpStream>) -> Event {
    loop {
        if let Message::Binary(frame) = socket.read().unwrap() {
            match decode_frame(&frame).unwrap() {
                Frame::Event(event) => return event,
                Frame::Unknown(why) => panic!("{why:?}"),
            }
        }
    }
}

/// More than the buffers of a loopback connection take.
const RECORDS: usize = 100;
fn long_text() -> String {
    "ahoy ".repeat(40_000)
}

#[test]
fn a_subscriber_that_reads_nothing_delays_no_write_and_gets_every_event() {
    let (host, client) = running();
    let mut slow = subscribe(&host, 0);
    for _ in 0..RECORDS {
        client.create(TOKEN, SAMPLE_DID, &long_text()).unwrap();
    }
    let seqs: Vec<u64> = (0..RECORDS + 3).map(|_| next_event(&mut slow).seq()).collect();
    assert!(seqs.into_iter().eq(1..=RECORDS as u64 + 3));
    host.stop();
}

#[test]
fn a_download_that_is_not_read_delays_nothing_and_is_whole_in_the_end() {
    let (host, client) = running();
    for _ in 0..RECORDS {
        client.create(TOKEN, SAMPLE_DID, &long_text()).unwrap();
    }
    let mut slow = client.repository(SAMPLE_DID).unwrap();
    client.create(TOKEN, SAMPLE_DID, "a write beside it").unwrap();
    let mut bytes = Vec::new();
    slow.read_to_end(&mut bytes).unwrap();
    assert!(bytes.len() > RECORDS * long_text().len(), "{}", bytes.len());
    host.stop();
}

#[test]
fn a_cursor_ahead_of_the_stream_is_answered_with_an_error_frame() {
    let (host, _) = running();
    let mut socket = subscribe(&host, 1_000);
    let Message::Binary(frame) = socket.read().unwrap() else { panic!("no frame") };
    assert!(frame.windows(12).any(|part| part == b"FutureCursor"));
    assert!(matches!(socket.read(), Ok(Message::Close(_))));
    host.stop();
}

#[test]
fn an_idle_subscriber_is_woken_by_a_write() {
    let (host, client) = running();
    let mut socket = subscribe(&host, 3);
    for seq in 4..8 {
        client.create(TOKEN, SAMPLE_DID, "ahoy").unwrap();
        assert_eq!(next_event(&mut socket).seq(), seq);
    }
    host.stop();
}
