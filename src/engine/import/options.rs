use crate::block::Cid;
use crate::key::VerifyingKey;
use crate::verify::{ExpectedHead, Keys};

/// What an import may do and has to check.
///
/// ```
/// use carrack::engine::ImportOptions;
/// let options = ImportOptions::default().unverified();
/// assert!(options.head.keys.are_unchecked());
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ImportOptions {
    /// Account and keys that the head has to agree with. An import wants a key, or
    /// [`Keys::Unchecked`], which marks the account as unverified; a diff without a key is checked
    /// with the key of the head that it continues.
    pub head: ExpectedHead,
    /// Over an account that takes writes: the exact head that may be replaced.
    pub replace: Option<Cid>,
    /// Those of the expected keys that the account's identity has had and has no longer: a head
    /// that one of them signed is verified, and its `trust_key` is historic.
    pub historic: Vec<VerifyingKey>,
    /// In a restored store: take a revision that is not above the minimum that confirmed the restore,
    /// because no later one of this account was published from here. The next revision that is signed
    /// here is above the minimum in any case.
    pub below_floor: bool,
}

impl ImportOptions {
    /// Account and keys that the head has to agree with.
    #[must_use]
    pub fn head(mut self, head: ExpectedHead) -> Self {
        self.head = head;
        self
    }

    /// Leaves the signature unchecked: the account is marked as unverified.
    #[must_use]
    pub fn unverified(mut self) -> Self {
        self.head.keys = Keys::Unchecked;
        self
    }

    /// Over an account that takes writes: the exact head that may be replaced.
    #[must_use]
    pub fn replace(mut self, replace: impl Into<Option<Cid>>) -> Self {
        self.replace = replace.into();
        self
    }

    /// Those of the expected keys that the account's identity has had and has no longer.
    #[must_use]
    pub fn historic(mut self, historic: impl IntoIterator<Item = VerifyingKey>) -> Self {
        self.historic = historic.into_iter().collect();
        self
    }

    /// Whether a revision may be at or below the minimum of a restored store:
    /// [`ImportOptions::below_floor`](#structfield.below_floor).
    #[must_use]
    pub fn below_floor(mut self, below_floor: bool) -> Self {
        self.below_floor = below_floor;
        self
    }
}
