/// How far an account's head has been verified here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// The head was checked against a key of the account's identity that the caller gave, or the
    /// chain from the account's creation here, or from a head that was checked, was signed here
    /// with the account's key.
    Verified,
    /// Structure and hashes are right; no key of the account's identity is known to have signed
    /// the head. [`Engine::check_trust`](crate::Engine::check_trust) checks it.
    Unverified,
}

/// Which key of the account's identity a verified head was checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustKey {
    /// One that the identity had when it was asked.
    Current,
    /// One that the identity had before, and no longer.
    Historic,
}

impl Trust {
    /// The name that `status` prints.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unverified => "unverified",
        }
    }
}

impl TrustKey {
    /// The name that `status` prints.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Historic => "historic",
        }
    }
}
