use crate::block::Cid;
use crate::key::VerifyingKey;
use crate::verify::{ExpectedHead, Keys};

/// Options of [`Engine::import`](crate::Engine::import) and
/// [`Engine::apply_diff`](crate::Engine::apply_diff).
///
/// ```
/// use carrack::engine::ImportOptions;
/// let options = ImportOptions::default().unverified();
/// assert!(options.head.keys.are_unchecked());
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ImportOptions {
    /// The account and the keys that the head must match. An import needs a key, or
    /// [`Keys::Unchecked`], which marks the account as unverified. A diff without a key is checked
    /// with the key of the stored head.
    pub head: ExpectedHead,
    /// The exact head that may be replaced, for an account that takes writes. It is not compared if
    /// the input has the head that is stored: an import or a diff can be repeated.
    pub replace: Option<Cid>,
    /// Those of the expected keys that the account's identity named before and no longer names. A
    /// head signed by one of them is verified, and its `trust_key` is historic.
    pub historic: Vec<VerifyingKey>,
    /// Whether to accept a revision at or below the minimum of a restored store. Set it only if no
    /// later revision of this account was ever published from here. The next revision that is
    /// signed here is above the minimum in any case.
    pub below_floor: bool,
}

impl ImportOptions {
    /// Sets the account and the keys that the head must match.
    #[must_use]
    pub fn head(mut self, head: ExpectedHead) -> Self {
        self.head = head;
        self
    }

    /// Leaves the signature unchecked: the account becomes unverified.
    #[must_use]
    pub fn unverified(mut self) -> Self {
        self.head.keys = Keys::Unchecked;
        self
    }

    /// Sets the exact head that may be replaced, for an account that takes writes.
    #[must_use]
    pub fn replace(mut self, replace: impl Into<Option<Cid>>) -> Self {
        self.replace = replace.into();
        self
    }

    /// Sets those of the expected keys that the account's identity no longer names.
    #[must_use]
    pub fn historic(mut self, historic: impl IntoIterator<Item = VerifyingKey>) -> Self {
        self.historic = historic.into_iter().collect();
        self
    }

    /// Sets whether a revision may be at or below the minimum of a restored store:
    /// [`ImportOptions::below_floor`](#structfield.below_floor).
    #[must_use]
    pub fn below_floor(mut self, below_floor: bool) -> Self {
        self.below_floor = below_floor;
        self
    }
}
