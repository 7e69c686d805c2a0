use crate::account::Action;
use crate::block::Cid;
use crate::engine::{Engine, EngineName, StagedTree, State, check_arrival};
use crate::error::{Error, Result};
use crate::ident::{Did, Rev};
use crate::key::Signer;
use crate::progress::Progress;
use crate::store::account::{Account, Head, Origin};
use crate::verify::{ExpectedHead, Keys, StreamSource};
use std::io::{PipeReader, PipeWriter, Read};
use std::time::Instant;

/// How an account is to be moved.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct MigrateOptions<'a> {
    /// The destination as the source will name it, in the errors with which it refuses writes.
    pub to: &'a str,
    /// The account's key at the destination.
    pub signer: &'a dyn Signer,
    /// Counts the bytes that have come through.
    pub progress: Progress<'a>,
}

impl<'a> MigrateOptions<'a> {
    /// A move to an engine that the source will call `to`, where `signer` signs.
    pub fn new(to: &'a str, signer: &'a dyn Signer) -> Self {
        Self { to, signer, progress: Progress::none() }
    }

    /// Counts the bytes that have come through.
    #[must_use]
    pub fn progress(mut self, progress: Progress<'a>) -> Self {
        self.progress = progress;
        self
    }
}

/// What a move has done.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Migrated {
    /// The account.
    pub did: Did,
    /// Records at the destination.
    pub records: u64,
    /// Distinct blobs that the records need.
    pub blobs: u64,
    /// Those of them that the destination lacks.
    pub blobs_missing: u64,
    /// Bytes of the repository at the destination.
    pub bytes: u64,
    /// The root of the tree, which is the same on both sides.
    pub data: Cid,
    /// The source's last revision.
    pub source_rev: Rev,
    /// The destination's first revision.
    pub rev: Rev,
    /// How long it took.
    pub seconds: f64,
    /// For how much of that neither side took writes.
    pub fence_seconds: f64,
}

/// Moves an account: the source stops taking writes, its repository goes through a pipe into a
/// tree at the destination that no reader sees, is verified on the way, becomes the account under a
/// new commit there, and the source points at the destination from then on.
///
/// Every step is durable before the next. After a crash, the same call goes on where it was, and
/// at no moment do both engines take writes.
///
/// ```
/// use carrack::engine::Engine;
/// use carrack::env::SystemRandom;
/// use carrack::ident::Did;
/// use carrack::key::{Curve, SigningKey};
/// use carrack::migrate::{MigrateOptions, migrate};
///
/// let source = Engine::in_memory()?;
/// let destination = Engine::in_memory()?;
/// let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
/// source.create_account(&did, &SigningKey::generate(Curve::K256, &SystemRandom)?)?;
/// let key = SigningKey::generate(Curve::P256, &SystemRandom)?;
/// let options = MigrateOptions::new("https://new.example", &key);
/// let moved = migrate(&source, &destination, &did, &options)?;
/// assert!(moved.rev > moved.source_rev);
/// assert_eq!(source.status(&did)?.state.to_string(), "moved to https://new.example");
/// # Ok::<(), carrack::Error>(())
/// ```
///
/// # Errors
/// `NotFound`; `State` if the source's account is not active, or the destination's takes writes;
/// `RevBehind` if the destination knows a later revision; `Swap`, `Changed` if either side changed
/// meanwhile; `Refused` if the source's repository does not
/// verify. Until the destination is active, [`abort`] leaves the source as it was.
pub fn migrate(
    source: &Engine,
    destination: &Engine,
    did: &Did,
    options: &MigrateOptions<'_>,
) -> Result<Migrated> {
    let start = Instant::now();
    if source.name() == destination.name() {
        return Err(Error::Request("source and destination are the same engine".to_owned()));
    }
    let _moving = source.begin_move(did)?;
    let account = source.account(did)?;
    let there = destination.engine_name();
    let head = departing_head(&account, did, options.to, there)?.clone();
    if let Some(arrived) = arrived(source, destination, did, &head)? {
        // Both sides have done their part, or only the source's last word is missing.
        source.mark_moved(did, options.to, there, &head.commit)?;
        return summary(destination, did, &head, &arrived, start, 0.0);
    }
    check_arrival(did, destination.account_if_any(did)?.as_ref(), head.rev)?;
    // Or the source would stand fenced before a destination that takes nothing in.
    destination.require_confirmed_restore()?;
    source.fence(did, options.to, there)?;
    let fenced = Instant::now();
    // Under the fence nothing changes any more: this is the head that will have been the last.
    let account = source.account(did)?;
    let head = departing_head(&account, did, options.to, there)?.clone();
    let key = account.key.load()?.map(|key| Keys::AnyOf(vec![key]));
    let expect = ExpectedHead::default().did(did.clone()).keys(key.unwrap_or(Keys::Unchecked));
    let whole = carry(source, destination, did, &expect, &head, options)?;
    let origin = Origin { engine: source.engine_name(), commit: head.commit.clone() };
    let arrived = destination.activate(&whole, options.signer, origin, &account.key)?;
    let fence_seconds = fenced.elapsed().as_secs_f64();
    source.mark_moved(did, options.to, there, &head.commit)?;
    summary(destination, did, &head, &arrived, start, fence_seconds)
}

/// Gives a move up: the source takes writes again.
///
/// # Errors
/// `State` if no move is under way, or the destination is active already: then the move is over
/// but for its last step, which [`migrate`] repeats.
pub fn abort(source: &Engine, destination: &Engine, did: &Did) -> Result<()> {
    let account = source.account(did)?;
    let _moving = source.begin_move(did)?;
    if has_come_further(source, destination, did, &account)? {
        return Err(account.refuse(did, Action::AbortArrived));
    }
    source.lift_fence(did, destination.engine_name())
}

/// The head of an account that may go, or is on its way to the same destination.
fn departing_head<'a>(
    account: &'a Account,
    did: &Did,
    to: &str,
    engine: EngineName,
) -> Result<&'a Head> {
    let may_go = match &account.state {
        State::Active => true,
        state => state.destination() == Some((to, engine)),
    };
    match &account.head {
        Some(head) if may_go => Ok(head),
        _ => Err(account.refuse(did, Action::Depart)),
    }
}

/// Whether the destination has, or has had, what the source sent, or something later: then nothing
/// may open the source again.
fn has_come_further(
    source: &Engine,
    destination: &Engine,
    did: &Did,
    account: &Account,
) -> Result<bool> {
    let Some(there) = destination.account_if_any(did)? else { return Ok(false) };
    let sent = account.head.as_ref();
    let from_here = there.origin.as_ref().is_some_and(|origin| {
        origin.engine == source.engine_name()
            && sent.is_some_and(|head| head.commit == origin.commit)
    });
    // What it held, and not what a lower bound asks of the next revision.
    let is_later = there.last_rev > account.last_rev;
    Ok(from_here || is_later)
}

/// The destination's head, if exactly this repository has arrived there.
fn arrived(source: &Engine, destination: &Engine, did: &Did, head: &Head) -> Result<Option<Head>> {
    let account = destination.account_if_any(did)?;
    let came = account.filter(|account| match &account.origin {
        Some(origin) => origin.engine == source.engine_name() && origin.commit == head.commit,
        None => false,
    });
    Ok(came.and_then(|account| account.head))
}

/// Sends the repository through a pipe from one thread to another.
fn carry(
    source: &Engine,
    destination: &Engine,
    did: &Did,
    expect: &ExpectedHead,
    head: &Head,
    options: &MigrateOptions<'_>,
) -> Result<StagedTree> {
    let (receiver, sender) = std::io::pipe().map_err(|error| Error::io("opening a pipe", error))?;
    std::thread::scope(|scope| {
        let sending = scope.spawn(move || send(source, did, sender));
        let received = receive(destination, expect, head, receiver, options);
        let sent = sending.join().unwrap_or_else(|_| {
            Err(Error::Corrupt("reading the rows to send panicked".to_owned()))
        });
        match (received, sent) {
            (Ok(whole), Ok(())) => Ok(whole),
            // Complete and verified, and yet the sender failed: not to be trusted with a life.
            (Ok(whole), Err(error)) => Err(destination.undo_tree(whole.tree, error)),
            // A receiver that stops breaks the pipe: its reason is the one that counts.
            (Err(error), Ok(())) => Err(error),
            (Err(refused), Err(failed)) => Err(first_cause(refused, failed)),
        }
    })
}

fn send(source: &Engine, did: &Did, pipe: PipeWriter) -> Result<()> {
    source.send(did, pipe)
}

fn receive(
    destination: &Engine,
    expect: &ExpectedHead,
    head: &Head,
    pipe: PipeReader,
    options: &MigrateOptions<'_>,
) -> Result<StagedTree> {
    let counted = Counted { input: pipe, bytes: 0, progress: options.progress };
    let mut source = StreamSource::new(counted)?;
    destination.receive(&mut source, expect, &head.commit)
}

/// A cut stream is the sender's doing, a broken pipe the receiver's.
fn first_cause(refused: Error, failed: Error) -> Error {
    match &failed {
        Error::Io { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe => refused,
        _ => failed,
    }
}

fn summary(
    destination: &Engine,
    did: &Did,
    head: &Head,
    arrived: &Head,
    start: Instant,
    fence_seconds: f64,
) -> Result<Migrated> {
    let status = destination.status(did)?;
    Ok(Migrated {
        did: did.clone(),
        records: arrived.records,
        blobs: status.blobs_needed,
        blobs_missing: status.blobs_missing,
        bytes: arrived.bytes,
        data: arrived.data.clone(),
        source_rev: head.rev,
        rev: arrived.rev,
        seconds: start.elapsed().as_secs_f64(),
        fence_seconds,
    })
}

/// Counts what is read.
struct Counted<'a, R> {
    input: R,
    bytes: u64,
    progress: Progress<'a>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.input.read(buffer)?;
        self.bytes += got as u64;
        self.progress.report(self.bytes);
        Ok(got)
    }
}
