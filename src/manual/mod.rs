//! Pages that explain what is hard, for those who read the code or trust their data to it.

#[doc = include_str!("backup.md")]
pub mod backup {}

#[doc = include_str!("diffs.md")]
pub mod diffs {}

#[doc = include_str!("failures.md")]
pub mod failures {}

#[doc = include_str!("following.md")]
pub mod following {}

#[doc = include_str!("format.md")]
pub mod format {}

#[doc = include_str!("guarantees.md")]
pub mod guarantees {}

#[doc = include_str!("migration.md")]
pub mod migration {}

#[doc = include_str!("reading.md")]
pub mod reading {}

#[doc = include_str!("tree.md")]
pub mod tree {}

#[doc = include_str!("trust.md")]
pub mod trust {}

#[doc = include_str!("writing.md")]
pub mod writing {}
