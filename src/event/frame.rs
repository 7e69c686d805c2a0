use super::fields::{EventFields, bad};
use super::{AccountEvent, CommitEvent, IdentityEvent, SyncEvent, Timestamp};
use crate::block::drisl::check::{self, Floats};
use crate::block::drisl::{Decoder, Encoder};
use crate::file_kind::{FileKind, LOOKED_AT_BYTES};
use crate::ident::{Did, Rev};
use crate::limits::EVENT_FRAME_BYTES_MAX;
use crate::problem::{Code, Problem};

/// A message of an event stream. Specification: <https://atproto.com/specs/event-stream>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// An event.
    Event(Event),
    /// A well-formed frame that is not one of the events above: ignore it.
    Unknown(UnknownFrame),
}

/// Why a frame is ignored, as the event stream specification requires.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownFrame {
    /// An error frame, which ends the stream.
    Error,
    /// A message of an unknown type.
    Type(String),
    /// A frame with an unknown operation.
    Operation(i128),
}

/// An event of `com.atproto.sync.subscribeRepos`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A commit with its operations.
    Commit(CommitEvent),
    /// A commit that replaces what was known of the repository.
    Sync(SyncEvent),
    /// A change of identity.
    Identity(IdentityEvent),
    /// A change of the account's state.
    Account(AccountEvent),
}

/// The fields that could be read of a frame, even if it is invalid.
#[derive(Clone, Debug, Default)]
pub(super) struct FrameFacts {
    pub(super) kind: Option<String>,
    pub(super) seq: Option<u64>,
    pub(super) did: Option<Did>,
    pub(super) rev: Option<Rev>,
}

/// Decodes a frame: a header and a body, both canonical. Unknown fields are ignored. Signatures and
/// the tree are not checked; [`verify_frame`](crate::event::verify_frame) does that.
///
/// ```
/// use carrack::event::{Frame, UnknownFrame, decode_frame};
/// let error = b"\xa1\x62op\x20\xa1\x65error\x6fConsumerTooSlow";
/// assert_eq!(decode_frame(error)?, Frame::Unknown(UnknownFrame::Error));
/// assert!(decode_frame(&error[..5]).is_err());
/// # Ok::<(), carrack::Problem>(())
/// ```
///
/// # Errors
/// `TooLarge` above 5 MB, `NonCanonical`, `BadFrame`, `BadRev`; `BadPath` and `OpMismatch` for an
/// invalid operation.
pub fn decode_frame(bytes: &[u8]) -> Result<Frame, Problem> {
    read_frame(bytes, &mut FrameFacts::default())
}

pub(super) fn read_frame(bytes: &[u8], seen: &mut FrameFacts) -> Result<Frame, Problem> {
    if bytes.len() > EVENT_FRAME_BYTES_MAX {
        let message = format!("a frame of more than {EVENT_FRAME_BYTES_MAX} bytes");
        return Err(what_it_is(bytes, Problem::new(Code::TooLarge, message)));
    }
    let (header, body) = halves(bytes).map_err(|problem| what_it_is(bytes, problem))?;
    let op = header.int("op").map_err(|problem| what_it_is(bytes, problem))?;
    let kind = match op {
        1 => header.text("t")?,
        -1 => return ignored(body, UnknownFrame::Error),
        other => return ignored(body, UnknownFrame::Operation(other)),
    };
    seen.kind = Some(kind.to_owned());
    let name_of_did = match kind {
        "#commit" => "repo",
        "#sync" | "#identity" | "#account" => "did",
        _ => return ignored(body, UnknownFrame::Type(kind.to_owned())),
    };
    let fields = EventFields::new(body).map_err(|fault| fault.problem(Code::BadFrame))?;
    seen.seq = fields.uint("seq").ok();
    seen.did = fields.did(name_of_did).ok();
    seen.rev = fields.rev("rev").ok().filter(|_| matches!(kind, "#commit" | "#sync"));
    Ok(Frame::Event(match kind {
        "#commit" => Event::Commit(CommitEvent::decode(fields)?),
        "#sync" => Event::Sync(SyncEvent::decode(fields)?),
        "#identity" => Event::Identity(IdentityEvent::decode(fields)?),
        _ => Event::Account(AccountEvent::decode(fields)?),
    }))
}

/// Says what the bytes are, if they are of another kind.
fn what_it_is(bytes: &[u8], problem: Problem) -> Problem {
    match FileKind::of(bytes.get(..LOOKED_AT_BYTES).unwrap_or(bytes)) {
        None | Some(FileKind::Frame) => problem,
        Some(kind) => bad(kind.refusal("a frame of an event stream")),
    }
}

/// Splits header and body. The operation in the header is read before the body is checked.
fn halves(bytes: &[u8]) -> Result<(EventFields<'_>, &[u8]), Problem> {
    let mut from = Decoder::new(bytes);
    from.skip().map_err(|fault| fault.problem(Code::BadFrame))?;
    let (header, body) = bytes.split_at_checked(from.position()).unwrap_or_default();
    Ok((EventFields::new(header).map_err(|fault| fault.problem(Code::BadFrame))?, body))
}

fn ignored(body: &[u8], why: UnknownFrame) -> Result<Frame, Problem> {
    match check::value(body, Floats::Allow) {
        Ok(()) => Ok(Frame::Unknown(why)),
        Err(fault) => Err(bad(format!("the body: {fault}"))),
    }
}

impl Event {
    /// The event's type in frames, for example `#commit`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Commit(_) => "#commit",
            Self::Sync(_) => "#sync",
            Self::Identity(_) => "#identity",
            Self::Account(_) => "#account",
        }
    }

    /// The sequence number in the stream.
    pub fn seq(&self) -> u64 {
        match self {
            Self::Commit(event) => event.seq,
            Self::Sync(event) => event.seq,
            Self::Identity(event) => event.seq,
            Self::Account(event) => event.seq,
        }
    }

    /// Sets the sequence number.
    pub fn set_seq(&mut self, seq: u64) {
        match self {
            Self::Commit(event) => event.seq = seq,
            Self::Sync(event) => event.seq = seq,
            Self::Identity(event) => event.seq = seq,
            Self::Account(event) => event.seq = seq,
        }
    }

    /// The account.
    pub fn did(&self) -> &Did {
        match self {
            Self::Commit(event) => &event.did,
            Self::Sync(event) => &event.did,
            Self::Identity(event) => &event.did,
            Self::Account(event) => &event.did,
        }
    }

    /// The time of the event.
    pub fn time(&self) -> &Timestamp {
        match self {
            Self::Commit(event) => &event.time,
            Self::Sync(event) => &event.time,
            Self::Identity(event) => &event.time,
            Self::Account(event) => &event.time,
        }
    }

    /// Encodes the event as a frame.
    ///
    /// ```
    /// use carrack::event::{Event, Frame, IdentityEvent, Timestamp, decode_frame};
    /// let event = Event::Identity(IdentityEvent {
    ///     seq: 7,
    ///     did: "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?,
    ///     time: Timestamp::from_micros(1_700_000_000_000_000),
    ///     handle: Some("alice.example".into()),
    /// });
    /// assert_eq!(decode_frame(&event.encode())?, Frame::Event(event));
    /// # Ok::<(), carrack::Error>(())
    /// ```
    pub fn encode(&self) -> Vec<u8> {
        self.encode_with_place().0
    }

    /// The frame, and the position of the sequence number in it.
    pub(super) fn encode_with_place(&self) -> (Vec<u8>, usize) {
        let blocks = match self {
            Self::Commit(event) => event.blocks.len() + 256 * event.ops.len(),
            Self::Sync(event) => event.blocks.len(),
            Self::Identity(_) | Self::Account(_) => 0,
        };
        let mut to = Encoder::with_capacity(blocks + 512);
        to.map(2);
        to.text("t");
        to.text(self.kind());
        to.text("op");
        to.uint(1);
        let at = match self {
            Self::Commit(event) => event.encode(&mut to),
            Self::Sync(event) => event.encode(&mut to),
            Self::Identity(event) => event.encode(&mut to),
            Self::Account(event) => event.encode(&mut to),
        };
        (to.finish(), at)
    }
}
