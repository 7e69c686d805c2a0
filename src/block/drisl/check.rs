//! Whether bytes are DRISL, without building anything: no allocation, no recursion.

use super::decoder::{ARRAY, BYTES, FALSE, FLOAT, MAP, NEGATIVE, NULL, TEXT, TRUE, UINT, is_utf8};
use super::{Decoder, Fault, FaultKind};
use crate::ident::Cid;
use crate::limits::CBOR_DEPTH_MAX;

/// Whether floats are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Floats {
    /// None at all: the rule for records.
    Refuse,
    /// Those of 64 bits that are finite and not negative zero: the rule of DAG-CBOR.
    Allow,
}

/// What a walk holds values to, beyond the form of DRISL itself.
pub(in crate::block) trait Rules {
    /// What is remembered of a container until it ends.
    type Notes: Copy;

    /// Begins a container of this number of values or pairs.
    fn begin(&self, offset: usize, members: usize) -> Self::Notes;

    /// A key of a map, and where its value comes next.
    fn key(
        &mut self,
        notes: &mut Self::Notes,
        key: &[u8],
        value: &Decoder<'_>,
    ) -> Result<(), Fault>;

    /// An integer: `argument` itself or -1 - `argument`.
    fn integer(&mut self, offset: usize, argument: u64) -> Result<(), Fault>;

    /// A link, whose CID may be of any form.
    fn link(&mut self, offset: usize, cid: &Cid) -> Result<(), Fault>;

    /// A float of 64 bits.
    fn float(&mut self, offset: usize, float: f64) -> Result<(), Fault>;

    /// Ends a container.
    fn end(&mut self, notes: Self::Notes) -> Result<(), Fault>;
}

/// Checks that bytes are one map in DRISL without floats.
///
/// Keys are text, ascending by length and then bytewise, each once; no floats; tag 42
/// only, around a valid CID; integers from -2^64 to 2^64 - 1; text is UTF-8; at most 32 containers
/// inside each other, of at most 131,072 members; every head is the shortest; nothing follows. What
/// the data model asks of a record beyond that, [`data_model`](crate::block::data_model) checks.
///
/// ```
/// use carrack::parts::drisl::check;
/// assert!(check::record(b"\xa1\x61n\x18\x2a").is_ok());
/// assert!(check::record(b"\xa1\x61n\x18\x02").unwrap_err().is_canonical_form());
/// assert!(check::record(b"\x18\x2a").is_err());
/// ```
///
/// # Errors
/// The first fault.
pub fn record(bytes: &[u8]) -> Result<(), Fault> {
    map(bytes, &mut Floats::Refuse)
}

/// Checks one complete map against the form of DRISL and `rules`.
pub(in crate::block) fn map(bytes: &[u8], rules: &mut impl Rules) -> Result<(), Fault> {
    let decoder = Decoder::new(bytes);
    if decoder.first().is_some_and(|initial| initial >> 5 != MAP) {
        return Err(Fault::new(0, FaultKind::Type("a map")));
    }
    whole(decoder, rules)
}

/// Checks one complete value of any type against the same rules, with or without floats.
///
/// ```
/// use carrack::parts::drisl::{Floats, check};
/// let half = b"\xfb\x3f\xe0\0\0\0\0\0\0";
/// assert!(check::value(half, Floats::Allow).is_ok());
/// assert!(check::value(half, Floats::Refuse).is_err());
/// ```
///
/// # Errors
/// The first fault.
pub fn value(bytes: &[u8], floats: Floats) -> Result<(), Fault> {
    whole(Decoder::new(bytes), &mut { floats })
}

fn whole(mut decoder: Decoder<'_>, rules: &mut impl Rules) -> Result<(), Fault> {
    walk(&mut decoder, rules)?;
    decoder.end()
}

/// A container that has been entered.
#[derive(Clone, Copy)]
struct OpenContainer<'a, N> {
    /// Values (or pairs) still to come.
    left: usize,
    keys: MapKeys<'a>,
    notes: N,
}

#[derive(Clone, Copy)]
enum MapKeys<'a> {
    None,
    First,
    After(&'a [u8]),
}

/// Passes over one value with a stack of its own.
pub(super) fn walk<R: Rules>(decoder: &mut Decoder<'_>, rules: &mut R) -> Result<(), Fault> {
    // The level around the value itself takes the first place of `outer`.
    let notes = rules.begin(decoder.position(), 1);
    let mut level = OpenContainer { left: 1, keys: MapKeys::None, notes };
    let mut outer = [level; CBOR_DEPTH_MAX];
    let mut depth = 0;
    loop {
        while level.left == 0 {
            rules.end(level.notes)?;
            let Some(around) = outer.get(usize::wrapping_sub(depth, 1)) else { return Ok(()) };
            level = *around;
            depth -= 1;
        }
        level.left -= 1;
        if let Some(key) = level.keys.next(decoder)? {
            rules.key(&mut level.notes, key, decoder)?;
        }
        let offset = decoder.position();
        if let Some(inner) = enter(decoder, rules)? {
            let Some(place) = outer.get_mut(depth) else {
                return Err(Fault::new(offset, FaultKind::Depth));
            };
            *place = std::mem::replace(&mut level, inner);
            depth += 1;
        }
    }
}

impl<'a> MapKeys<'a> {
    /// Reads the key before a value, if these are the keys of a map.
    #[inline]
    fn next(&mut self, decoder: &mut Decoder<'a>) -> Result<Option<&'a [u8]>, Fault> {
        if matches!(self, MapKeys::None) {
            return Ok(None);
        }
        let offset = decoder.position();
        let key = decoder.text_bytes()?;
        if let MapKeys::After(last) = *self {
            let order = last.len().cmp(&key.len()).then_with(|| last.cmp(key));
            if order.is_eq() {
                return Err(Fault::new(offset, FaultKind::Forbidden("the same map key twice")));
            }
            if order.is_gt() {
                let kind = FaultKind::NonCanonical("map keys are not in order");
                return Err(Fault::new(offset, kind));
            }
        }
        *self = MapKeys::After(key);
        Ok(Some(key))
    }
}

/// Passes over a scalar, or enters a container.
#[inline]
fn enter<'a, R: Rules>(
    decoder: &mut Decoder<'a>,
    rules: &mut R,
) -> Result<Option<OpenContainer<'a, R::Notes>>, Fault> {
    let offset = decoder.position();
    match decoder.first() {
        Some(FALSE | TRUE | NULL) => {
            decoder.advance();
            return Ok(None);
        }
        Some(0xd8) => return rules.link(offset, &decoder.link()?).map(|()| None),
        Some(FLOAT) => {
            return rules.float(offset, f64::from_be_bytes(decoder.float()?)).map(|()| None);
        }
        _ => {}
    }
    let (major, argument) = decoder.head()?;
    let (left, keys) = match major {
        UINT | NEGATIVE => return rules.integer(offset, argument).map(|()| None),
        BYTES => return decoder.take(argument).map(|_| None),
        TEXT => return is_utf8(decoder.take(argument)?, offset).map(|()| None),
        ARRAY => (decoder.count(argument, 1)?, MapKeys::None),
        MAP => (decoder.count(argument, 2)?, MapKeys::First),
        _ => return Err(Fault::new(offset, FaultKind::Forbidden("a tag other than 42"))),
    };
    Ok(Some(OpenContainer { left, keys, notes: rules.begin(offset, left) }))
}

impl Rules for Floats {
    type Notes = ();

    #[inline]
    fn begin(&self, _: usize, _: usize) {}

    #[inline]
    fn key(&mut self, (): &mut (), _: &[u8], _: &Decoder<'_>) -> Result<(), Fault> {
        Ok(())
    }

    #[inline]
    fn integer(&mut self, _: usize, _: u64) -> Result<(), Fault> {
        Ok(())
    }

    #[inline]
    fn link(&mut self, _: usize, _: &Cid) -> Result<(), Fault> {
        Ok(())
    }

    fn float(&mut self, offset: usize, float: f64) -> Result<(), Fault> {
        let forbidden = match *self {
            Self::Refuse => "a float",
            Self::Allow if !float.is_finite() => "NaN or infinity",
            Self::Allow if float == 0.0 && float.is_sign_negative() => "negative zero",
            Self::Allow => return Ok(()),
        };
        Err(Fault::new(offset, FaultKind::Forbidden(forbidden)))
    }

    #[inline]
    fn end(&mut self, (): ()) -> Result<(), Fault> {
        Ok(())
    }
}
