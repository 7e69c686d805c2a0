/// The status of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum SignatureStatus {
    /// It verifies under one of the keys.
    Valid,
    /// It does not verify, or is not 64 bytes of `r` and `s`.
    Invalid,
    /// It verifies, but `s` is above half the group's order. Such a form can be computed from the
    /// low one without the key, so the protocol refuses it.
    HighS,
    /// No key was given, so it was not checked.
    Unchecked,
}

impl SignatureStatus {
    /// The word in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::HighS => "high-s",
            Self::Unchecked => "unchecked",
        }
    }
}
