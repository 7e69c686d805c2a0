//! Identifiers.
pub struct Did;
