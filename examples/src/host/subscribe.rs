//! `com.atproto.sync.subscribeRepos`: the event log as a WebSocket.
//!
//! Each subscriber reads the log at its own pace, a batch at a time, and is woken when there is more. One
//! that is slow holds one batch in memory and nothing else; one that falls behind the retention is told
//! so. The log is the only queue.

use super::error::XrpcError;
use super::state::Host;
use crate::Failure;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::Response;
use bytes::Bytes;
use carrack::block::json::from_json;
use carrack::{Engine, Error};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// A batch ends at this many frames, or when it has this many bytes.
const BATCH_FRAMES: usize = 64;
const BATCH_BYTES: usize = 1 << 20;

/// How long a subscriber may take nothing before the connection ends. It can continue with its cursor.
const STALLED: Duration = Duration::from_secs(30);

/// A quiet connection is tested this often: a peer that has vanished would hold it forever.
const PING_EVERY: Duration = Duration::from_secs(30);

/// What a subscriber may send: pings and a close. It has no reason for more.
const INCOMING_BYTES_MAX: usize = 4096;

#[derive(Deserialize)]
pub(super) struct Wanted {
    cursor: Option<u64>,
}

pub(super) async fn subscribe_repos(
    State(host): State<Arc<Host>>,
    query: Result<Query<Wanted>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, XrpcError> {
    let Query(wanted) = query.map_err(XrpcError::invalid)?;
    let upgrade = upgrade.map_err(XrpcError::invalid)?.max_message_size(INCOMING_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| serve(host, socket, wanted.cursor)))
}

/// Serves one subscriber until it leaves.
async fn serve(host: Arc<Host>, socket: WebSocket, cursor: Option<u64>) {
    let (mut outgoing, mut incoming) = socket.split();
    // Reading has to go on beside sending: it is what answers pings and notices a close.
    tokio::select! {
        () = until_closed(&mut incoming) => {}
        ended = send_events(&host, &mut outgoing, cursor) => {
            if let Err(error) = ended {
                eprintln!("a subscriber was disconnected: {error}");
            }
        }
    }
    // Tells the end to a client that listens still.
    let _ = timeout(STALLED, outgoing.close()).await;
}

async fn until_closed(incoming: &mut SplitStream<WebSocket>) {
    while let Some(Ok(_)) = incoming.next().await {}
}

async fn send_events(
    host: &Host,
    outgoing: &mut SplitSink<WebSocket, Message>,
    cursor: Option<u64>,
) -> Result<(), Failure> {
    let last = host.call(Engine::last_seq).await?;
    // Without a cursor a subscriber gets what comes from now on.
    let mut after = cursor.unwrap_or(last);
    if after > last {
        let text = "the cursor is ahead of the stream";
        let frame = message_frame(
            &json!({ "op": -1 }),
            &json!({ "error": "FutureCursor", "message": text }),
        );
        return send(outgoing, Message::Binary(frame?.into())).await;
    }
    let mut more = host.last_seq();
    loop {
        // Marked as seen before the log is read, so that an event which comes meanwhile wakes it again.
        more.borrow_and_update();
        loop {
            let batch = host.call(move |engine| read_batch(engine, after)).await?;
            after = batch.cursor;
            if batch.frames.is_empty() {
                break;
            }
            for frame in batch.frames {
                send(outgoing, Message::Binary(frame.into())).await?;
            }
        }
        match timeout(PING_EVERY, more.changed()).await {
            Ok(Ok(())) => {}
            // The host ends.
            Ok(Err(_)) => return Ok(()),
            Err(_) => send(outgoing, Message::Ping(Bytes::new())).await?,
        }
    }
}

async fn send(
    outgoing: &mut SplitSink<WebSocket, Message>,
    message: Message,
) -> Result<(), Failure> {
    match timeout(STALLED, outgoing.send(message)).await {
        Ok(sent) => Ok(sent?),
        Err(_) => Err("it takes nothing".into()),
    }
}

/// Frames in the order of the log, and the cursor behind them.
struct Batch {
    frames: Vec<Vec<u8>>,
    cursor: u64,
}

fn read_batch(engine: &Engine, after: u64) -> carrack::Result<Batch> {
    let mut batch = Batch { frames: Vec::new(), cursor: after };
    // Where the oldest event is; without any, behind the last one.
    let oldest = match engine.oldest_seq()? {
        Some(oldest) => oldest,
        None => engine.last_seq()?.saturating_add(1),
    };
    if after.saturating_add(1) < oldest {
        batch.frames.push(outdated_cursor()?);
        batch.cursor = oldest.saturating_sub(1);
    }
    let mut events = engine.events(batch.cursor)?;
    let mut bytes = 0;
    while batch.frames.len() < BATCH_FRAMES && bytes < BATCH_BYTES {
        match events.next() {
            Ok(None) => break,
            Ok(Some(event)) => {
                let frame = event.frame();
                bytes += frame.len();
                batch.frames.push(frame);
            }
            // The next call continues behind them. The subscriber has to know that it missed some.
            Err(Error::UnreadableEvents { first, last, cause }) => {
                eprintln!("events {first} to {last} cannot be read: {cause}");
                batch.frames.push(outdated_cursor()?);
            }
            Err(error) => return Err(error),
        }
        batch.cursor = events.cursor();
    }
    Ok(batch)
}

fn outdated_cursor() -> carrack::Result<Vec<u8>> {
    let text = "events between the cursor and the next event are no longer here";
    message_frame(
        &json!({ "op": 1, "t": "#info" }),
        &json!({ "name": "OutdatedCursor", "message": text }),
    )
}

/// A frame of the stream that is no event: two values one after the other, header and body.
fn message_frame(header: &Value, body: &Value) -> carrack::Result<Vec<u8>> {
    let mut frame = from_json(header)?;
    frame.extend(from_json(body)?);
    Ok(frame)
}
