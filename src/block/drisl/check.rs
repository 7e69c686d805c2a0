//! Whether bytes are DRISL, without building anything: no allocation, no recursion.

use super::decoder::{ARRAY, BYTES, FALSE, FLOAT, MAP, NEGATIVE, NULL, TEXT, TRUE, UINT, is_utf8};
use super::{Decoder, Fault, FaultKind};
use crate::limits::CBOR_DEPTH_MAX;

/// Whether floats are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Floats {
    /// None at all: the rule for records.
    Refuse,
    /// Those of 64 bits that are finite and not negative zero: the rule of DAG-CBOR.
    Allow,
}

/// Checks one complete record against every rule of the data model.
///
/// It is a map; keys are text, ascending by length and then bytewise, each once; no floats; tag 42
/// only, around a valid CID; integers from -2^64 to 2^64 - 1; text is UTF-8; at most 32 containers
/// inside each other, of at most 131,072 members; every head is the shortest; nothing follows.
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
    let decoder = Decoder::new(bytes);
    if decoder.first().is_some_and(|initial| initial >> 5 != MAP) {
        return Err(Fault::new(0, FaultKind::Type("a map")));
    }
    whole(decoder, Floats::Refuse)
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
    whole(Decoder::new(bytes), floats)
}

fn whole(mut decoder: Decoder<'_>, floats: Floats) -> Result<(), Fault> {
    walk(&mut decoder, floats)?;
    decoder.end()
}

/// A container that has been entered.
#[derive(Clone, Copy)]
struct OpenContainer<'a> {
    /// Values (or pairs) still to come.
    left: usize,
    keys: MapKeys<'a>,
}

#[derive(Clone, Copy)]
enum MapKeys<'a> {
    None,
    First,
    After(&'a [u8]),
}

/// Passes over one value with a stack of its own.
pub(super) fn walk(decoder: &mut Decoder<'_>, floats: Floats) -> Result<(), Fault> {
    // The level around the value itself takes the first place of `outer`.
    let mut level = OpenContainer { left: 1, keys: MapKeys::None };
    let mut outer = [level; CBOR_DEPTH_MAX];
    let mut depth = 0;
    loop {
        while level.left == 0 {
            let Some(around) = outer.get(usize::wrapping_sub(depth, 1)) else { return Ok(()) };
            level = *around;
            depth -= 1;
        }
        level.left -= 1;
        level.keys.next(decoder)?;
        let offset = decoder.position();
        if let Some(inner) = enter(decoder, floats)? {
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
    fn next(&mut self, decoder: &mut Decoder<'a>) -> Result<(), Fault> {
        if matches!(self, MapKeys::None) {
            return Ok(());
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
        Ok(())
    }
}

/// Passes over a scalar, or enters a container.
#[inline]
fn enter<'a>(
    decoder: &mut Decoder<'a>,
    floats: Floats,
) -> Result<Option<OpenContainer<'a>>, Fault> {
    match decoder.first() {
        Some(FALSE | TRUE | NULL) => {
            decoder.advance();
            return Ok(None);
        }
        Some(0xd8) => return decoder.link().map(|_| None),
        Some(FLOAT) if floats == Floats::Allow => return float(decoder).map(|()| None),
        _ => {}
    }
    let offset = decoder.position();
    let (major, argument) = decoder.head()?;
    match major {
        UINT | NEGATIVE => {}
        BYTES => drop(decoder.take(argument)?),
        TEXT => {
            is_utf8(decoder.take(argument)?, offset)?;
        }
        ARRAY => {
            let left = decoder.count(argument, 1)?;
            return Ok(Some(OpenContainer { left, keys: MapKeys::None }));
        }
        MAP => {
            let left = decoder.count(argument, 2)?;
            return Ok(Some(OpenContainer { left, keys: MapKeys::First }));
        }
        _ => return Err(Fault::new(offset, FaultKind::Forbidden("a tag other than 42"))),
    }
    Ok(None)
}

fn float(decoder: &mut Decoder<'_>) -> Result<(), Fault> {
    let offset = decoder.position();
    let float = decoder.float()?;
    if !float.is_finite() {
        return Err(Fault::new(offset, FaultKind::Forbidden("NaN or infinity")));
    }
    if float == 0.0 && float.is_sign_negative() {
        return Err(Fault::new(offset, FaultKind::Forbidden("negative zero")));
    }
    Ok(())
}
