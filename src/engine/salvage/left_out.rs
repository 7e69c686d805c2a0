use crate::ident::Did;

/// An account that a backup of a damaged store leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LeftOut {
    /// The account; `None` for accounts whose rows cannot be read, so that their names are not known.
    pub did: Option<Did>,
    /// The first fault that was found in it.
    pub cause: String,
}
