use super::check::{self, Floats};
use super::{Fault, FaultKind};
use crate::block::Cid;
use crate::limits::CBOR_CONTAINER_MAX;

/// Reads DRISL values of a known shape, in order, without copying.
///
/// Every method reads one head (and a text, byte string or link with its content) and refuses any
/// form but the canonical one. After a fault the position is unspecified: give up. Map keys are
/// read like any text; a reader of a map of a fixed shape names its keys in canonical order with
/// [`Decoder::key`], and [`Decoder::skip`] and [`check`](crate::parts::drisl::check) hold the order themselves.
///
/// ```
/// use carrack::parts::drisl::Decoder;
/// let mut decoder = Decoder::new(b"\xa1\x61n\x18\x2a");
/// assert_eq!(decoder.map()?, 1);
/// decoder.key("n")?;
/// assert_eq!(decoder.uint()?, 42);
/// decoder.end()?;
/// # Ok::<(), carrack::block::drisl::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct Decoder<'a> {
    rest: &'a [u8],
    length: usize,
}

/// The kind of the next value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An integer from 0.
    Uint,
    /// An integer below 0.
    Negative,
    /// A byte string.
    Bytes,
    /// A text.
    Text,
    /// An array.
    Array,
    /// A map.
    Map,
    /// A link: tag 42.
    Link,
    /// True or false.
    Bool,
    /// Null.
    Null,
    /// A float of 64 bits. No method reads it; records may hold none.
    Float,
}

pub(super) const UINT: u8 = 0;
pub(super) const NEGATIVE: u8 = 1;
pub(super) const BYTES: u8 = 2;
pub(super) const TEXT: u8 = 3;
pub(super) const ARRAY: u8 = 4;
pub(super) const MAP: u8 = 5;
pub(super) const TAG: u8 = 6;
/// False, true and null (and what is forbidden).
const SIMPLE: u8 = 7;
pub(super) const FALSE: u8 = 0xf4;
pub(super) const TRUE: u8 = 0xf5;
pub(super) const NULL: u8 = 0xf6;
pub(super) const FLOAT: u8 = 0xfb;
pub(super) const LINK_TAG: u64 = 42;
/// Tag 42, a byte string of 37 bytes, the leading zero: how every link with a blessed CID begins.
const LINK_36: [u8; 5] = [0xd8, 0x2a, 0x58, 0x25, 0x00];

impl<'a> Decoder<'a> {
    /// Begins at the first of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, length: bytes.len() }
    }

    /// How many bytes have been read.
    #[inline]
    pub fn position(&self) -> usize {
        self.length - self.rest.len()
    }

    /// Reads the head of a map: how many pairs of key and value follow.
    ///
    /// The count is never more than the remaining bytes can hold, so it may size an allocation.
    ///
    /// # Errors
    /// A fault if no map begins here, or it claims more entries than allowed or possible.
    #[inline]
    pub fn map(&mut self) -> Result<usize, Fault> {
        let count = self.argument(MAP, "a map")?;
        self.count(count, 2)
    }

    /// Reads the head of an array: how many values follow. Bounded like [`Decoder::map`].
    ///
    /// # Errors
    /// A fault if no array begins here, or it claims more members than allowed or possible.
    #[inline]
    pub fn array(&mut self) -> Result<usize, Fault> {
        let count = self.argument(ARRAY, "an array")?;
        self.count(count, 1)
    }

    /// Reads a text.
    ///
    /// # Errors
    /// A fault if none is here, or it is not UTF-8.
    #[inline]
    pub fn text(&mut self) -> Result<&'a str, Fault> {
        let offset = self.position();
        let length = self.argument(TEXT, "a text")?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| Fault::new(offset, FaultKind::Utf8))
    }

    /// Reads a text as the bytes that it is of.
    #[inline]
    pub(super) fn text_bytes(&mut self) -> Result<&'a [u8], Fault> {
        let offset = self.position();
        let length = self.argument(TEXT, "a text")?;
        let bytes = self.take(length)?;
        is_utf8(bytes, offset)?;
        Ok(bytes)
    }

    /// Reads a byte string.
    ///
    /// # Errors
    /// A fault if none is here.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.argument(BYTES, "a byte string")?;
        self.take(length)
    }

    /// Reads an integer from 0 to 2^64 - 1.
    ///
    /// # Errors
    /// A fault if none is here.
    #[inline]
    pub fn uint(&mut self) -> Result<u64, Fault> {
        self.argument(UINT, "an unsigned integer")
    }

    /// Reads an integer from -2^64 to 2^64 - 1.
    ///
    /// # Errors
    /// A fault if none is here.
    #[inline]
    pub fn int(&mut self) -> Result<i128, Fault> {
        let offset = self.position();
        match self.head()? {
            (UINT, argument) => Ok(i128::from(argument)),
            (NEGATIVE, argument) => Ok(-1 - i128::from(argument)),
            _ => Err(Fault::new(offset, FaultKind::Type("an integer"))),
        }
    }

    /// Reads true or false.
    ///
    /// # Errors
    /// A fault if neither is here.
    #[inline]
    pub fn bool(&mut self) -> Result<bool, Fault> {
        match self.simple("a boolean")? {
            TRUE => Ok(true),
            FALSE => Ok(false),
            _ => Err(Fault::new(self.position() - 1, FaultKind::Type("a boolean"))),
        }
    }

    /// Reads null.
    ///
    /// # Errors
    /// A fault if something else is here.
    #[inline]
    pub fn null(&mut self) -> Result<(), Fault> {
        match self.simple("null")? {
            NULL => Ok(()),
            _ => Err(Fault::new(self.position() - 1, FaultKind::Type("null"))),
        }
    }

    /// Whether null comes next.
    #[inline]
    pub fn is_null(&self) -> bool {
        self.rest.first() == Some(&NULL)
    }

    /// Reads a link: tag 42 around a byte string of 0x00 and the CID, which may be of any form.
    ///
    /// # Errors
    /// A fault if none is here, or its CID cannot be read.
    #[inline]
    pub fn link(&mut self) -> Result<Cid, Fault> {
        let offset = self.position();
        if let Some(rest) = self.rest.strip_prefix(&LINK_36)
            && let Some((cid, rest)) = rest.split_first_chunk::<36>()
        {
            self.rest = rest;
            return Cid::from_bytes(cid).map_err(|_| Fault::new(offset, FaultKind::Cid));
        }
        self.link_of_any_length(offset)
    }

    /// Reads a link, or null.
    ///
    /// # Errors
    /// A fault if neither is here, or the CID cannot be read.
    #[inline]
    pub fn nullable_link(&mut self) -> Result<Option<Cid>, Fault> {
        if self.is_null() {
            self.null()?;
            return Ok(None);
        }
        self.link().map(Some)
    }

    /// Reads a text that must be this map key.
    ///
    /// # Errors
    /// A fault of kind `Key` if it is another text, or what [`Decoder::text`] says.
    #[inline]
    pub fn key(&mut self, expected: &str) -> Result<(), Fault> {
        let offset = self.position();
        if self.text()? == expected {
            return Ok(());
        }
        Err(Fault::new(offset, FaultKind::Key(expected.into())))
    }

    /// The kind of the next value, from its first bytes.
    ///
    /// # Errors
    /// A fault if nothing follows, or what follows is in no place allowed.
    pub fn peek(&self) -> Result<Kind, Fault> {
        let mut ahead = self.clone();
        let kind = match self.rest.first() {
            Some(&FLOAT) => return Ok(Kind::Float),
            Some(&(TRUE | FALSE)) => return Ok(Kind::Bool),
            Some(&NULL) => return Ok(Kind::Null),
            _ => ahead.head()?.0,
        };
        Ok(match kind {
            UINT => Kind::Uint,
            NEGATIVE => Kind::Negative,
            BYTES => Kind::Bytes,
            TEXT => Kind::Text,
            ARRAY => Kind::Array,
            MAP => Kind::Map,
            _ => Kind::Link,
        })
    }

    /// Skips one value of any type, and checks that it is DRISL without floats.
    ///
    /// # Errors
    /// The first fault in it; `Depth` counts from this value.
    pub fn skip(&mut self) -> Result<(), Fault> {
        check::walk(self, &mut Floats::Refuse)
    }

    /// Checks that nothing follows.
    ///
    /// # Errors
    /// A fault of kind `Trailing` if something does.
    #[inline]
    pub fn end(self) -> Result<(), Fault> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(Fault::new(self.position(), FaultKind::Trailing))
    }

    /// Reads a head: the major type and its argument (none for false, true and null).
    #[inline]
    pub(super) fn head(&mut self) -> Result<(u8, u64), Fault> {
        match self.rest.split_first() {
            Some((&initial, rest)) if initial & 0x1f < 24 && initial < TAG << 5 => {
                self.rest = rest;
                Ok((initial >> 5, u64::from(initial & 0x1f)))
            }
            _ => self.long_head(),
        }
    }

    /// A head whose argument stands in the bytes that follow, or one that is not allowed.
    fn long_head(&mut self) -> Result<(u8, u64), Fault> {
        let offset = self.position();
        let &[initial] = self.chunk::<1>()?;
        let major = initial >> 5;
        let (argument, least) = match (major, initial & 0x1f) {
            (SIMPLE, 20..=22) => return Ok((SIMPLE, 0)),
            (SIMPLE, _) => return Err(Fault::new(offset, forbidden_simple(initial))),
            (_, small @ 0..24) => (u64::from(small), 0),
            (_, 24) => (u64::from(u8::from_be_bytes(*self.chunk()?)), 24),
            (_, 25) => (u64::from(u16::from_be_bytes(*self.chunk()?)), 1 << 8),
            (_, 26) => (u64::from(u32::from_be_bytes(*self.chunk()?)), 1 << 16),
            (_, 27) => (u64::from_be_bytes(*self.chunk()?), 1 << 32),
            (BYTES..=MAP, 31) => {
                let kind = FaultKind::Forbidden("an indefinite length");
                return Err(Fault::new(offset, kind));
            }
            _ => return Err(Fault::new(offset, FaultKind::Forbidden("a reserved head"))),
        };
        if argument < least {
            let kind = FaultKind::NonCanonical("a number or length is not in its shortest form");
            return Err(Fault::new(offset, kind));
        }
        if major == TAG && argument != LINK_TAG {
            return Err(Fault::new(offset, FaultKind::Forbidden("a tag other than 42")));
        }
        Ok((major, argument))
    }

    /// The eight bytes of a float, whose first byte comes next.
    pub(in crate::block) fn float(&mut self) -> Result<[u8; 8], Fault> {
        let &[_, bits @ ..] = self.chunk::<9>()?;
        Ok(bits)
    }

    #[inline]
    fn argument(&mut self, major: u8, expected: &'static str) -> Result<u64, Fault> {
        let offset = self.position();
        match self.head()? {
            (found, argument) if found == major => Ok(argument),
            _ => Err(Fault::new(offset, FaultKind::Type(expected))),
        }
    }

    /// Reads the byte of false, true or null; any other value is of the wrong type.
    #[inline]
    fn simple(&mut self, expected: &'static str) -> Result<u8, Fault> {
        let offset = self.position();
        if let Some((&initial @ (FALSE | TRUE | NULL), rest)) = self.rest.split_first() {
            self.rest = rest;
            return Ok(initial);
        }
        self.head()?;
        Err(Fault::new(offset, FaultKind::Type(expected)))
    }

    /// Bounds the members that a container claims; each takes at least `bytes_each`.
    #[inline]
    pub(super) fn count(&self, claimed: u64, bytes_each: usize) -> Result<usize, Fault> {
        match usize::try_from(claimed) {
            Ok(count) if count <= CBOR_CONTAINER_MAX => {
                if count * bytes_each > self.rest.len() {
                    return Err(Fault::new(self.length, FaultKind::Truncated));
                }
                Ok(count)
            }
            _ => Err(Fault::new(self.position(), FaultKind::Length)),
        }
    }

    #[inline]
    pub(super) fn take(&mut self, length: u64) -> Result<&'a [u8], Fault> {
        let split = usize::try_from(length).ok().and_then(|n| self.rest.split_at_checked(n));
        let (taken, rest) = split.ok_or_else(|| Fault::new(self.length, FaultKind::Truncated))?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn chunk<const N: usize>(&mut self) -> Result<&'a [u8; N], Fault> {
        let split = self.rest.split_first_chunk();
        let (taken, rest) = split.ok_or_else(|| Fault::new(self.length, FaultKind::Truncated))?;
        self.rest = rest;
        Ok(taken)
    }

    /// The byte that comes next.
    #[inline]
    pub(super) fn first(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Passes over one byte that has been looked at.
    #[inline]
    pub(super) fn advance(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    #[cold]
    fn link_of_any_length(&mut self, offset: usize) -> Result<Cid, Fault> {
        self.argument(TAG, "a link")?;
        let content = self.argument(BYTES, "the byte string of a link")?;
        match self.take(content)?.split_first() {
            Some((0, cid)) => Cid::from_bytes(cid).map_err(|_| Fault::new(offset, FaultKind::Cid)),
            _ => Err(Fault::new(offset, FaultKind::Cid)),
        }
    }
}

/// Most texts are ASCII, which is seen faster.
#[inline]
pub(super) fn is_utf8(bytes: &[u8], offset: usize) -> Result<(), Fault> {
    if bytes.is_ascii() || std::str::from_utf8(bytes).is_ok() {
        return Ok(());
    }
    Err(Fault::new(offset, FaultKind::Utf8))
}

/// What the value of major type 7 is that begins so.
fn forbidden_simple(initial: u8) -> FaultKind {
    match initial {
        0xf9..=FLOAT => FaultKind::Forbidden("a float"),
        0xf7 => FaultKind::Forbidden("undefined"),
        0xff => FaultKind::Forbidden("an indefinite length"),
        _ => FaultKind::Forbidden("a simple value other than false, true and null"),
    }
}
