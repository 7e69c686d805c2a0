//! `com.atproto.sync.getRepo`: a CAR as a stream, in memory that does not depend on its size.

use super::error::XrpcError;
use super::state::Host;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use carrack::Engine;
use carrack::ident::{Did, Rev};
use futures_util::{StreamExt, future, stream};
use serde::Deserialize;
use std::io::{BufWriter, ErrorKind, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::task::spawn_blocking;

/// The size of a chunk, and how many wait for the client: with the engine's own buffers, about 2 MiB for
/// each export.
const CHUNK_BYTES: usize = 64 * 1024;
const CHUNKS_WAITING: usize = 4;

/// How long a client may take nothing. An export occupies threads, which a stalled client must not keep.
const STALLED: Duration = Duration::from_secs(60);

type Chunk = carrack::Result<Bytes>;

#[derive(Deserialize)]
pub(super) struct Wanted {
    did: String,
    since: Option<String>,
}

pub(super) async fn get_repo(
    State(host): State<Arc<Host>>,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, XrpcError> {
    let Query(wanted) = query.map_err(XrpcError::invalid)?;
    let did: Did = wanted.did.parse()?;
    let since = wanted.since.as_deref().map(str::parse::<Rev>).transpose()?;
    host.check_public(&did).await?;
    let Ok(permit) = Arc::clone(&host.exports).try_acquire_owned() else {
        return Err(XrpcError::unavailable("too many exports are running; try again"));
    };

    let (sender, mut chunks) = mpsc::channel(CHUNKS_WAITING);
    let output = ChunkWriter { sender, runtime: Handle::current() };
    let engine = host.engine();
    spawn_blocking(move || {
        // The permit ends with the thread's work, not with the request.
        let _permit = permit;
        run_export(&engine, &did, since, &output);
    });

    // The status is sent before the body. An export that fails at its start still gets the right one.
    let first = match chunks.recv().await {
        Some(Ok(first)) => first,
        Some(Err(error)) => return Err(error.into()),
        None => return Err(XrpcError::internal(&"an export ended without a byte")),
    };
    // A later failure breaks the connection off, so that the client does not take a part for the whole.
    let rest = stream::unfold(chunks, |mut chunks| async move {
        chunks.recv().await.map(|chunk| (chunk, chunks))
    });
    let body = stream::once(future::ready(Ok(first))).chain(rest);
    Ok(([(CONTENT_TYPE, "application/vnd.ipld.car")], Body::from_stream(body)).into_response())
}

fn run_export(engine: &Engine, did: &Did, since: Option<Rev>, output: &ChunkWriter) {
    let mut buffer = BufWriter::with_capacity(CHUNK_BYTES, output);
    let exported = match since {
        Some(since) => engine.export_since(did, since, &mut buffer),
        None => engine.export(did, &mut buffer),
    };
    let flushed = exported.and_then(|_| {
        let doing = "sending an export".to_owned();
        buffer.flush().map_err(|source| carrack::Error::Io { doing, source })
    });
    if let Err(error) = flushed {
        // If the client has gone, this fails as well, and there is none to tell.
        let _ = output.send(Err(error));
    }
}

/// The end of a channel into which a thread that may block writes.
struct ChunkWriter {
    sender: mpsc::Sender<Chunk>,
    runtime: Handle,
}

impl ChunkWriter {
    /// Waits until the channel has room: the engine reads no faster than the client takes.
    fn send(&self, chunk: Chunk) -> std::io::Result<()> {
        let sent = self.runtime.block_on(self.sender.send_timeout(chunk, STALLED));
        sent.map_err(|error| match error {
            SendTimeoutError::Timeout(_) => ErrorKind::TimedOut.into(),
            SendTimeoutError::Closed(_) => ErrorKind::BrokenPipe.into(),
        })
    }
}

impl Write for &ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // The engine writes long sections past the buffer, so chunks are cut to size here.
        let chunk = bytes.get(..CHUNK_BYTES).unwrap_or(bytes);
        self.send(Ok(Bytes::copy_from_slice(chunk)))?;
        Ok(chunk.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
