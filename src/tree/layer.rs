use sha2::{Digest, Sha256};

/// The layer of a key: the number of leading zero bits of its SHA-256, halved and rounded down.
/// Specification: <https://atproto.com/specs/repository#mst-structure>.
///
/// ```
/// assert_eq!(carrack::tree::layer(b"2653ae71"), 0);
/// assert_eq!(carrack::tree::layer(b"blue"), 1);
/// assert_eq!(carrack::tree::layer(b"app.bsky.feed.post/9adeb165882c"), 8);
/// ```
pub fn layer(key: &[u8]) -> u8 {
    let mut zeros = 0u32;
    for byte in Sha256::digest(key) {
        zeros += byte.leading_zeros();
        if byte != 0 {
            break;
        }
    }
    // At most 256 / 2.
    u8::try_from(zeros / 2).unwrap_or(u8::MAX)
}
