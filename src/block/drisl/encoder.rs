use super::decoder::{
    ARRAY, BYTES, FALSE, FLOAT, LINK_TAG, MAP, NEGATIVE, NULL, TAG, TEXT, TRUE, UINT,
};
use crate::block::Cid;

/// Writes DRISL values in the order of the calls, each with the shortest head.
///
/// It does not track containers: a caller that writes `map(2)` writes two keys in canonical order
/// (by length, then bytewise), each with its value.
///
/// ```
/// use carrack::parts::drisl::Encoder;
/// let mut encoder = Encoder::new();
/// encoder.map(1);
/// encoder.text("n");
/// encoder.uint(42);
/// assert_eq!(encoder.finish(), b"\xa1\x61n\x18\x2a");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    out: Vec<u8>,
}

impl Encoder {
    /// An empty encoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty encoder with this capacity in bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes) }
    }

    /// Begins a map of this number of pairs.
    #[inline]
    pub fn map(&mut self, pairs: usize) {
        self.head(MAP, pairs as u64);
    }

    /// Begins an array of this number of values.
    #[inline]
    pub fn array(&mut self, values: usize) {
        self.head(ARRAY, values as u64);
    }

    /// Writes a text, or a map key.
    #[inline]
    pub fn text(&mut self, text: &str) {
        self.head(TEXT, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Writes a byte string.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.head(BYTES, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// Writes an integer from 0.
    #[inline]
    pub fn uint(&mut self, integer: u64) {
        self.head(UINT, integer);
    }

    /// Writes an integer.
    #[inline]
    pub fn int(&mut self, integer: i64) {
        if integer < 0 {
            // -1 - n, whose bits are those of n inverted.
            self.negative(!integer.cast_unsigned());
        } else {
            self.uint(integer.cast_unsigned());
        }
    }

    /// Writes -1 - `argument`.
    pub(in crate::block) fn negative(&mut self, argument: u64) {
        self.head(NEGATIVE, argument);
    }

    /// Writes true or false.
    #[inline]
    pub fn bool(&mut self, truth: bool) {
        self.out.push(if truth { TRUE } else { FALSE });
    }

    /// Writes null.
    #[inline]
    pub fn null(&mut self) {
        self.out.push(NULL);
    }

    /// Writes a link.
    #[inline]
    pub fn link(&mut self, cid: &Cid) {
        self.head(TAG, LINK_TAG);
        self.head(BYTES, 1 + cid.byte_len() as u64);
        self.out.push(0);
        cid.write_to(&mut self.out);
    }

    /// Writes a link, or null for none.
    #[inline]
    pub fn nullable_link(&mut self, cid: Option<&Cid>) {
        match cid {
            Some(cid) => self.link(cid),
            None => self.null(),
        }
    }

    /// Writes a float of 64 bits, which no record of the data model holds.
    pub(in crate::block) fn float(&mut self, bits: [u8; 8]) {
        self.out.push(FLOAT);
        self.out.extend_from_slice(&bits);
    }

    /// Appends bytes that are DRISL already.
    #[inline]
    pub fn raw(&mut self, encoded: &[u8]) {
        self.out.extend_from_slice(encoded);
    }

    /// How many bytes have been written.
    #[allow(clippy::len_without_is_empty, reason = "a position, not a collection")]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// What has been written.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    #[inline]
    fn head(&mut self, major: u8, argument: u64) {
        let major = major << 5;
        let [.., b4, b5, b6, b7] = argument.to_be_bytes();
        match argument {
            0..24 => self.out.push(major | b7),
            24..0x100 => self.out.extend_from_slice(&[major | 0x18, b7]),
            0x100..0x1_0000 => self.out.extend_from_slice(&[major | 0x19, b6, b7]),
            0x1_0000..0x1_0000_0000 => {
                self.out.extend_from_slice(&[major | 0x1a, b4, b5, b6, b7]);
            }
            _ => {
                self.out.push(major | 0x1b);
                self.out.extend_from_slice(&argument.to_be_bytes());
            }
        }
    }
}
