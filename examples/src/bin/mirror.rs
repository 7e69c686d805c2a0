//! Follows a host: a copy of an account that is kept in step through the host's event stream.
//!
//! ```text
//! cargo run --bin mirror
//! ```
//!
//! The program starts the host of `axum_host` on a loopback port, downloads the account, creates records
//! through HTTP, and applies what the stream says of them. At the end the copy has to export the same
//! bytes as the host. It ends by itself.

use carrack::Engine;
use carrack::env::SystemRandom;
use carrack::follow::{Followed, Mirror};
use carrack::ident::{Did, Rev};
use carrack::key::{Curve, Signer, SigningKey};
use carrack::verify::{ExpectedHead, Input};
use carrack_examples::client::Client;
use carrack_examples::host::{Account, Host, start};
use carrack_examples::{Failure, SAMPLE_DID, exit};
use serde_json::Value;
use std::collections::HashMap;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

/// Events are at most 5 MB. Without a bound the host decides how much memory a follower needs.
const FRAME_BYTES_MAX: usize = 5 << 20;

/// How long the stream may be silent. A follower that runs for long waits longer than the host's pings
/// are apart, and connects again.
const SILENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    exit(run())
}

fn run() -> Result<(), Failure> {
    let key = Arc::new(SigningKey::generate(Curve::K256, &SystemRandom)?);
    let did: Did = SAMPLE_DID.parse()?;
    let token = "mirror-example".to_owned();
    let engine = Engine::in_memory()?;
    engine.create_account(&did, &*key)?;
    let signer: Arc<dyn Signer> = Arc::<SigningKey>::clone(&key);
    let accounts = HashMap::from([(did.clone(), Account { signer, token: token.clone() })]);
    let host = start(Host::new(engine, accounts)?)?;
    let client = Client::new(host.address());

    // A real follower takes the key from the account's DID document, and resolves the document again
    // after each `#identity`.
    let expect = ExpectedHead::signed_by([key.verifying_key()]).did(did.clone());
    let copies = Engine::in_memory()?;
    let mut follower = Follower::new(&copies, &client, expect);
    follower.download(&did)?;

    // The copy ends here, and the host goes on.
    create(&client, &token, 20)?;
    let rev = create(&client, &token, 1)?;
    follower.follow_until(host.address(), rev)?;
    same_bytes(&client, &copies, &did)?;

    // Another connection, which continues behind the last event. A restart does the same with a cursor
    // that was stored.
    let rev = create(&client, &token, 20)?;
    follower.follow_until(host.address(), rev)?;
    same_bytes(&client, &copies, &did)?;
    host.stop();
    Ok(())
}

/// Keeps the copies of one host's accounts.
struct Follower<'a> {
    mirror: Mirror,
    client: &'a Client,
    expect: ExpectedHead,
    /// The last event that was dealt with. A follower stores it; too low a number is harmless, as
    /// events that the copies have already are ignored.
    cursor: u64,
}

impl<'a> Follower<'a> {
    fn new(copies: &Engine, client: &'a Client, expect: ExpectedHead) -> Self {
        Self { mirror: Mirror::new(copies), client, expect, cursor: 0 }
    }

    /// Gets the whole account, verified before it takes the place of what is here.
    fn download(&self, did: &Did) -> Result<(), Failure> {
        let body = self.client.repository(did.as_str())?;
        let imported = self.mirror.recover(&Input::spill(body, "getRepo")?, did, &self.expect)?;
        println!("downloaded {did} at revision {}", imported.rev);
        Ok(())
    }

    /// Applies events until the copy has this revision.
    fn follow_until(&mut self, host: SocketAddr, until: Rev) -> Result<(), Failure> {
        let mut socket = connect(host, self.cursor)?;
        println!("connected behind event {}", self.cursor);
        loop {
            let reached = match socket.read()? {
                Message::Binary(frame) => self.take(&frame)?,
                Message::Close(_) => return Err("the host closed the stream".into()),
                // Pings are answered by the next read; texts are not part of the protocol.
                _ => None,
            };
            if reached.is_some_and(|rev| rev >= until) {
                break;
            }
        }
        socket.close(None)?;
        Ok(())
    }

    /// Applies one frame. Returns the revision of the copy, if the frame was about it.
    fn take(&mut self, frame: &[u8]) -> Result<Option<Rev>, Failure> {
        // A frame that is forged or malformed is an error and changes nothing. A follower of many
        // accounts reports it and continues with the next frame.
        let taken = self.mirror.take(frame, &self.expect)?;
        self.cursor = taken.seq.unwrap_or(self.cursor);
        match taken.outcome {
            Followed::Applied { rev } | Followed::Created { rev } | Followed::Resigned { rev } => {
                println!("event {}: the copy has revision {rev}", self.cursor);
                Ok(Some(rev))
            }
            // Events were lost, or the host has replaced the repository. The copy is as it was.
            Followed::OutOfSync(lost) => {
                println!("out of sync behind revision {}", lost.held_rev);
                let did = taken.did.ok_or("an event without an account")?;
                self.download(&did)?;
                Ok(Some(lost.rev))
            }
            other => {
                println!("event {}: {other:?}", self.cursor);
                Ok(None)
            }
        }
    }
}

/// Connects to the stream behind an event. The follower is one thread that waits, so a synchronous
/// client is enough.
fn connect(host: SocketAddr, cursor: u64) -> Result<WebSocket<TcpStream>, Failure> {
    let stream = TcpStream::connect_timeout(&host, SILENCE)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    let url = format!("ws://{host}/xrpc/com.atproto.sync.subscribeRepos?cursor={cursor}");
    let config = WebSocketConfig::default()
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX));
    let connected = tungstenite::client::client_with_config(url, stream, Some(config));
    Ok(connected.map_err(|error| format!("connecting to the stream: {error}"))?.0)
}

/// Creates records and returns the revision of the last one.
fn create(client: &Client, token: &str, count: usize) -> Result<Rev, Failure> {
    let mut last = Value::Null;
    for number in 0..count {
        last = client.create(token, SAMPLE_DID, &format!("record {number}"))?;
    }
    let rev = last.pointer("/commit/rev").and_then(Value::as_str);
    let rev = rev.ok_or("createRecord answered without a revision")?;
    Ok(rev.parse()?)
}

/// The copy's export has to be the host's, byte by byte: the same blocks in the same order.
fn same_bytes(client: &Client, copies: &Engine, did: &Did) -> Result<(), Failure> {
    let mut theirs = Vec::new();
    client.repository(did.as_str())?.read_to_end(&mut theirs)?;
    let mut ours = Vec::new();
    copies.export(did, &mut ours)?;
    if ours != theirs {
        return Err(format!("the copy has {} bytes, the host {}", ours.len(), theirs.len()).into());
    }
    println!("the copy and the host export the same {} bytes", ours.len());
    Ok(())
}
