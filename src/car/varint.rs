//! Unsigned varints: seven bits a byte, the lowest first, the top bit set on all but the last.
//!
//! Specification: <https://github.com/multiformats/unsigned-varint>. One number has one form.

/// The longest varint, in bytes; it holds 63 bits.
pub const BYTES_MAX: usize = 9;

/// Why no varint can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end inside it.
    #[error("the varint is cut off")]
    Truncated,
    /// A shorter form of the same number exists.
    #[error("the varint is not in its shortest form")]
    NotMinimal,
    /// It goes on beyond nine bytes.
    #[error("the varint is longer than nine bytes")]
    TooLong,
}

/// Reads the varint at the start of `bytes`: the number, and how many bytes it took.
///
/// ```
/// use carrack::parts::car::varint;
/// assert_eq!(varint::read(&[0xac, 0x02, 0xff]), Ok((300, 2)));
/// assert_eq!(varint::read(&[0x80, 0x00]), Err(varint::Malformed::NotMinimal));
/// ```
///
/// # Errors
/// If the bytes end too early, or the form is longer than needed, or than nine bytes.
#[inline]
pub fn read(bytes: &[u8]) -> Result<(u64, usize), Malformed> {
    let mut number = 0;
    for (index, &byte) in bytes.iter().take(BYTES_MAX).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            let minimal = byte != 0 || index == 0;
            return if minimal { Ok((number, index + 1)) } else { Err(Malformed::NotMinimal) };
        }
    }
    Err(if bytes.len() < BYTES_MAX { Malformed::Truncated } else { Malformed::TooLong })
}

/// Appends a number in its shortest form.
///
/// Lengths of slices stay below 2^63 and take nine bytes at most; larger numbers take ten, which
/// [`read`] refuses.
///
/// ```
/// let mut out = Vec::new();
/// carrack::parts::car::varint::write(300, &mut out);
/// assert_eq!(out, [0xac, 0x02]);
/// ```
#[inline]
pub fn write(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// How many bytes [`write()`] takes for a number.
///
/// ```
/// assert_eq!(carrack::parts::car::varint::len(300), 2);
/// ```
#[inline]
pub fn len(number: u64) -> usize {
    (number | 1).ilog2() as usize / 7 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_both_ways_in_one_form() {
        let powers = (0..63).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 1]);
        for number in powers.chain([(1 << 63) - 1]) {
            let mut bytes = Vec::new();
            write(number, &mut bytes);
            assert_eq!(bytes.len(), len(number), "{number}");
            assert_eq!(read(&bytes), Ok((number, bytes.len())));
            let cut = bytes.len() - 1;
            assert_eq!(read(&bytes[..cut]), Err(Malformed::Truncated));
            bytes[cut] |= 0x80;
            bytes.push(0);
            let padded = if cut == 8 { Malformed::TooLong } else { Malformed::NotMinimal };
            assert_eq!(read(&bytes), Err(padded));
        }
    }

    #[test]
    fn nine_bytes_are_the_end() {
        assert_eq!(read(&[0xff; 9]), Err(Malformed::TooLong));
        assert_eq!(read(&[0xff; 8]), Err(Malformed::Truncated));
        assert_eq!(read(&[]), Err(Malformed::Truncated));
    }
}
