use crate::block::drisl::check::Rules;
use crate::block::drisl::{Decoder, Fault, FaultKind};
use crate::ident::{Cid, Codec};
use std::collections::HashSet;

/// The largest argument of an integer: 2^63 - 1 and, below 0, -2^63.
const INTEGER_MAX: u64 = i64::MAX.cast_unsigned();

/// A map's `$type` is `blob`.
const IS_BLOB: u8 = 1;
/// Its `ref` is a link to a raw block.
const HAS_REF: u8 = 1 << 1;
/// Its `size` is an integer above 0.
const HAS_SIZE: u8 = 1 << 2;
/// Its `mimeType` is a text that is not empty.
const HAS_MIME: u8 = 1 << 3;
/// Its `mimeType` is a text.
const HAS_MIME_TEXT: u8 = 1 << 4;
/// Its `cid` is the text of a CID.
const HAS_CID_TEXT: u8 = 1 << 5;
/// It has two members.
const IS_PAIR: u8 = 1 << 6;

const BLOB: u8 = IS_BLOB | HAS_REF | HAS_SIZE | HAS_MIME;
const LEGACY_BLOB: u8 = IS_PAIR | HAS_CID_TEXT | HAS_MIME_TEXT;

/// The rules of the data model for what DRISL can hold.
pub(super) struct Model<F> {
    faults: F,
    is_new: bool,
}

/// What becomes of the faults.
pub(super) trait Faults {
    /// Takes a fault, and says whether the walk ends with it.
    fn report(&mut self, fault: Fault) -> Result<(), Fault>;
}

/// Ends with the first fault.
pub(super) struct FirstFault;

/// Keeps where each improper value begins.
#[derive(Default)]
pub(super) struct AllFaults(HashSet<usize>);

/// What is known of a map, as far as it has been read.
#[derive(Clone, Copy)]
pub(super) struct Notes {
    start: usize,
    found: u8,
}

impl<F> Model<F> {
    /// For a record that is read.
    pub(super) fn of_any(faults: F) -> Self {
        Self { faults, is_new: false }
    }

    /// For a record that is to be written.
    pub(super) fn of_new(faults: F) -> Self {
        Self { faults, is_new: true }
    }

    pub(super) fn into_faults(self) -> F {
        self.faults
    }
}

impl<F: Faults> Model<F> {
    #[cold]
    fn improper(&mut self, offset: usize, what: &'static str) -> Result<(), Fault> {
        self.faults.report(Fault::new(offset, FaultKind::Forbidden(what)))
    }

    /// A key that begins with a dollar sign: the protocol's own.
    fn reserved(
        &mut self,
        notes: &mut Notes,
        key: &[u8],
        value: &Decoder<'_>,
    ) -> Result<(), Fault> {
        match key {
            b"$type" => match value.clone().text() {
                Ok("blob") => notes.found |= IS_BLOB,
                Ok(name) if !name.is_empty() => {}
                _ => return self.improper(notes.start, "a $type that is not a text, or is empty"),
            },
            b"$link" | b"$bytes" => {
                let what = "a map with a key $link or $bytes, which is not a link or bytes";
                return self.improper(notes.start, what);
            }
            b"$improper" => return self.improper(notes.start, "a map with a key $improper"),
            _ => {}
        }
        Ok(())
    }
}

impl<F: Faults> Rules for Model<F> {
    type Notes = Notes;

    #[inline]
    fn begin(&self, offset: usize, members: usize) -> Notes {
        Notes { start: offset, found: if members == 2 { IS_PAIR } else { 0 } }
    }

    #[inline]
    fn key(&mut self, notes: &mut Notes, key: &[u8], value: &Decoder<'_>) -> Result<(), Fault> {
        match key {
            [b'$', ..] => self.reserved(notes, key, value),
            b"ref" | b"size" | b"mimeType" | b"cid" => {
                notes.found |= field(key, value, self.is_new);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    #[inline]
    fn integer(&mut self, offset: usize, argument: u64) -> Result<(), Fault> {
        if argument > INTEGER_MAX {
            return self.improper(offset, "an integer below -2^63 or above 2^63 - 1");
        }
        Ok(())
    }

    #[inline]
    fn link(&mut self, offset: usize, cid: &Cid) -> Result<(), Fault> {
        if cid.blessed().is_none() {
            let what = "a link that is not CIDv1 with SHA-256 and the codec dag-cbor or raw";
            return self.improper(offset, what);
        }
        Ok(())
    }

    fn float(&mut self, offset: usize, _: f64) -> Result<(), Fault> {
        self.improper(offset, "a float")
    }

    #[inline]
    fn end(&mut self, notes: Notes) -> Result<(), Fault> {
        if notes.found & IS_BLOB != 0 && notes.found & BLOB != BLOB {
            let what = "a blob without a ref to a raw block, a mimeType, or a size above 0";
            return self.improper(notes.start, what);
        }
        if self.is_new && notes.found & LEGACY_BLOB == LEGACY_BLOB {
            let what = "a blob of the legacy form (cid, mimeType) in a new record";
            return self.improper(notes.start, what);
        }
        Ok(())
    }
}

/// What a field of a blob has, if this is one.
fn field(key: &[u8], value: &Decoder<'_>, is_new: bool) -> u8 {
    let mut value = value.clone();
    let found = match key {
        b"ref" => value
            .link()
            .ok()
            .and_then(|cid| matches!(cid.blessed(), Some((Codec::Raw, _))).then_some(HAS_REF)),
        b"size" => value.uint().ok().filter(|size| *size > 0).map(|_| HAS_SIZE),
        b"mimeType" => value.text().ok().map(|mime| match mime {
            "" => HAS_MIME_TEXT,
            _ => HAS_MIME_TEXT | HAS_MIME,
        }),
        b"cid" if is_new => {
            value.text().ok().filter(|text| text.parse::<Cid>().is_ok()).map(|_| HAS_CID_TEXT)
        }
        _ => None,
    };
    found.unwrap_or(0)
}

impl Faults for FirstFault {
    fn report(&mut self, fault: Fault) -> Result<(), Fault> {
        Err(fault)
    }
}

impl Faults for AllFaults {
    fn report(&mut self, fault: Fault) -> Result<(), Fault> {
        self.0.insert(fault.offset);
        Ok(())
    }
}

impl AllFaults {
    pub(super) fn into_offsets(self) -> HashSet<usize> {
        self.0
    }
}
