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

/// Options of [`migrate`].
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct MigrateOptions<'a> {
    /// The destination's name or URL, which the source reports in the errors with which it refuses
    /// writes.
    pub to: &'a str,
    /// The account's key at the destination.
    pub signer: &'a dyn Signer,
    /// Counts the bytes of the repository that have been transferred.
    pub progress: Progress<'a>,
}

impl<'a> MigrateOptions<'a> {
    /// A move to an engine that the source calls `to`, and where `signer` signs.
    pub fn new(to: &'a str, signer: &'a dyn Signer) -> Self {
        Self { to, signer, progress: Progress::none() }
    }

    /// Sets the progress, which counts the bytes of the repository that have been transferred.
    #[must_use]
    pub fn progress(mut self, progress: Progress<'a>) -> Self {
        self.progress = progress;
        self
    }
}

/// The result of [`migrate`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Migrated {
    /// The account.
    pub did: Did,
    /// The number of records at the destination.
    pub records: u64,
    /// The number of distinct blobs that the records refer to.
    pub blobs: u64,
    /// How many of those the destination lacks. Carrack stores no blobs, so these are all.
    pub blobs_missing: u64,
    /// The length of the repository at the destination, in bytes.
    pub bytes: u64,
    /// The CID of the tree's root, equal on both sides.
    pub data: Cid,
    /// The source's last revision.
    pub source_rev: Rev,
    /// The destination's first revision.
    pub rev: Rev,
    /// The duration of the call, in seconds.
    pub seconds: f64,
    /// How long neither side took writes, in seconds.
    pub fence_seconds: f64,
}

/// Moves an account. The source stops taking writes; its repository is streamed to the destination,
/// verified, and staged in a tree that readers do not see; the destination signs a new commit and
/// takes writes; the source is marked as moved.
///
/// Every step is durable before the next. After a crash, the same call continues where it was. Both
/// engines never take writes at the same time.
///
/// The source's state is `Leaving` during the move and `Moved` afterwards, with the event
/// `#account` at the end. The destination's state is `Active`, with the events `#account`,
/// `#identity` and `#sync`.
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
/// `NotFound` without the account at the source; `State` if the account at the source is not
/// active, or the destination's takes writes; `RevBehind` if the destination knows a later
/// revision; `Swap` or `Changed` if either side changed meanwhile; `Refused` if the source's
/// repository does not verify; `Request` if another move of the account is running in this process;
/// `RestoreUnconfirmed` if the destination was restored; `Key` or `Io` if the signer fails; [those
/// of every write](Engine#errors-of-every-call) of either engine. Until the destination is active,
/// [`abort`] returns the source to its former state.
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
        // Both sides have done their part; at most the source's last step is missing.
        source.mark_moved(did, options.to, there, &head.commit)?;
        return summary(destination, did, &head, &arrived, start, 0.0);
    }
    check_arrival(did, destination.account_if_any(did)?.as_ref(), head.rev)?;
    // Otherwise the source would be fenced before a destination that refuses the account.
    destination.require_confirmed_restore()?;
    source.fence(did, options.to, there)?;
    let fenced = Instant::now();
    // Under the fence nothing changes any more: this is the source's last head.
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

/// Aborts a move: the source takes writes again.
///
/// ```
/// use carrack::Engine;
/// use carrack::migrate::abort;
/// # use carrack::key::{Curve, SigningKey};
/// # let engine = carrack::Engine::in_memory()?;
/// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
/// # let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
/// # engine.create_account(&did, &key)?;
/// let destination = Engine::in_memory()?;
/// // No move is in progress.
/// assert!(abort(&engine, &destination, &did).is_err());
/// # Ok::<(), carrack::Error>(())
/// ```
///
/// # Errors
/// `NotFound` without the account at the source; `State` if no move is in progress, or the
/// destination is active already (then [`migrate`] completes the last step); `Request` if a move of
/// the account is running in this process; [those of every write](Engine#errors-of-every-call) of
/// either engine.
pub fn abort(source: &Engine, destination: &Engine, did: &Did) -> Result<()> {
    let account = source.account(did)?;
    let _moving = source.begin_move(did)?;
    if has_come_further(source, destination, did, &account)? {
        return Err(account.refuse(did, Action::AbortArrived));
    }
    source.lift_fence(did, destination.engine_name())
}

/// The head of an account that may leave, or is leaving for the same destination.
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

/// Whether the destination has, or has had, the source's head or a later one: the source must not
/// take writes again then.
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
    // The revision that it held, without the minimum for its next revision.
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
            // The stream was complete and verified, but the sender failed: discard it.
            (Ok(whole), Err(error)) => Err(destination.undo_tree(whole.tree, error)),
            // A receiver that stops breaks the pipe, so its error is the cause.
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

/// A cut stream is the sender's fault, a broken pipe the receiver's.
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
