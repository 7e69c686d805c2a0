/// What is known of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum SignatureStatus {
    /// It verifies under one of the keys.
    Valid,
    /// It does not, or is not 64 bytes of `r` and `s`.
    Invalid,
    /// It verifies, but `s` is over half the group's order: anyone can make it from the right one,
    /// so the protocol refuses it.
    HighS,
    /// No key was given.
    Unchecked,
}

impl SignatureStatus {
    /// The word that reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::HighS => "high-s",
            Self::Unchecked => "unchecked",
        }
    }
}
