//! A range of keys, and the subtrees that may overlap it.

use crate::ident::Nsid;
use crate::tree::Key;

/// The keys from one (included) to another (excluded).
///
/// ```
/// use carrack::tree::Key;
/// use carrack::parts::tree::KeyRange;
///
/// let range = KeyRange::of_collection(&"app.bsky.feed.post".parse()?);
/// assert!(range.contains(&Key::from("app.bsky.feed.post/3jzfcijpj2z2a")));
/// assert!(!range.contains(&Key::from("app.bsky.feed.postgate/3jzfcijpj2z2a")));
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    from: Key,
    to: Key,
}

impl KeyRange {
    /// The keys of a collection's records: those that begin with its name and a slash.
    pub fn of_collection(collection: &Nsid) -> Self {
        // '0' follows '/'.
        let from = Key::from(format!("{collection}/").as_str());
        Self { from, to: Key::from(format!("{collection}0").as_str()) }
    }

    /// Whether `key` lies in it.
    pub fn contains(&self, key: &Key) -> bool {
        self.from <= *key && *key < self.to
    }

    /// Whether a subtree between these two keys, both exclusive, may hold a key of the range. A
    /// subtree that cannot may be a gap in a proof.
    pub fn overlaps(&self, left: &Key, end: Option<&Key>) -> bool {
        *left < self.to && end.is_none_or(|end| *end > self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POST: &str = "app.bsky.feed.post";

    fn range() -> KeyRange {
        KeyRange::of_collection(&POST.parse().unwrap())
    }

    #[test]
    fn a_collection_is_its_own_keys_and_no_neighbours() {
        for (key, inside) in [
            ("app.bsky.feed.post/3k", true),
            ("app.bsky.feed.post/~", true),
            ("app.bsky.feed.post/-", true),
            ("app.bsky.feed.post", false),
            ("app.bsky.feed.post.gate/3k", false),
            ("app.bsky.feed.pos/3k", false),
            ("app.bsky.feed.post0/3k", false),
            ("app.bsky.feed.post0", false),
            ("app.bsky.feed.posts/3k", false),
            ("", false),
        ] {
            assert_eq!(range().contains(&Key::from(key)), inside, "{key:?}");
        }
    }

    #[test]
    fn a_subtree_is_skipped_only_if_no_key_of_the_range_fits_between_its_neighbours() {
        for (left, end, overlaps) in [
            ("", None, true),
            ("", Some("app.bsky.feed.like/z"), false),
            ("", Some("app.bsky.feed.post.x/a"), false),
            ("", Some("app.bsky.feed.post/a"), true),
            ("app.bsky.feed.post/a", Some("app.bsky.feed.post/b"), true),
            ("app.bsky.feed.like/z", Some("app.bsky.feed.post0/a"), true),
            ("app.bsky.feed.post/z", None, true),
            ("app.bsky.feed.post0/a", None, false),
            ("app.bsky.feed.posts/a", Some("app.bsky.feed.posts/b"), false),
        ] {
            let end = end.map(Key::from);
            let found = range().overlaps(&Key::from(left), end.as_ref());
            assert_eq!(found, overlaps, "{left:?} to {end:?}");
        }
    }
}
