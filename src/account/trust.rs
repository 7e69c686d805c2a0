/// How far an account's head is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// The head was checked against a given key of the account's identity, or was signed here with
    /// the account's key, in an unbroken chain from the account's creation or a checked head.
    Verified,
    /// Structure and hashes are valid; no key of the account's identity is known to have signed the
    /// head. [`Engine::check_trust`](crate::Engine::check_trust) checks it.
    Unverified,
}

/// Which key of the account's identity a verified head was checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustKey {
    /// One that the identity named at the time of the check.
    Current,
    /// One that the identity named before and no longer names.
    Historic,
}

impl Trust {
    /// The word in the command line's output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unverified => "unverified",
        }
    }
}

impl TrustKey {
    /// The word in the command line's output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Historic => "historic",
        }
    }
}
