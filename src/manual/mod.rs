//! The manual: how to use Carrack, what it guarantees, and how the parts that are hard work.
//!
//! For owners and operators: [`cli`], [`records`], [`backup`], [`migration`], [`trust`], [`failures`],
//! [`benchmarks`]. For authors of servers: [`hosting`], [`writing`], [`following`], [`diffs`],
//! [`guarantees`]. How it works inside: [`tree`], [`format`](mod@format), [`reading`]. The terms are in
//! [`glossary`].

#[doc = include_str!("backup.md")]
pub mod backup {}

#[doc = include_str!("benchmarks.md")]
pub mod benchmarks {}

#[doc = include_str!("cli.md")]
pub mod cli {}

#[doc = include_str!("diffs.md")]
pub mod diffs {}

#[doc = include_str!("failures.md")]
pub mod failures {}

#[doc = include_str!("following.md")]
pub mod following {}

#[doc = include_str!("format.md")]
pub mod format {}

#[doc = include_str!("glossary.md")]
pub mod glossary {}

#[doc = include_str!("guarantees.md")]
pub mod guarantees {}

#[doc = include_str!("hosting.md")]
pub mod hosting {}

#[doc = include_str!("migration.md")]
pub mod migration {}

#[doc = include_str!("reading.md")]
pub mod reading {}

#[doc = include_str!("records.md")]
pub mod records {}

#[doc = include_str!("tree.md")]
pub mod tree {}

#[doc = include_str!("trust.md")]
pub mod trust {}

#[doc = include_str!("writing.md")]
pub mod writing {}
