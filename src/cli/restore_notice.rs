//! The notice that a store's restore is not confirmed.

use crate::cli::failure::Failure;
use crate::cli::text::or_dash;
use carrack::Engine;
use carrack::engine::Restored;
use carrack::ident::Rev;
use serde::Serialize;

/// In words; `None` for a store that takes writes.
pub(in crate::cli) fn notice(engine: &Engine) -> Result<Option<String>, Failure> {
    Ok(engine.unconfirmed_restore()?.map(|restored| words(&restored)))
}

/// What the store holds, and how it takes writes again.
pub(in crate::cli) fn words(restored: &Restored) -> String {
    format!(
        "the restore is unconfirmed (`carrack backup confirm STORE --seq N --rev REV`, at or above \
         event {}, revision {})",
        restored.last_seq,
        or_dash(restored.last_rev)
    )
}

/// The same for scripts.
#[derive(Serialize)]
pub(in crate::cli) struct RestoreObject {
    last_seq: u64,
    last_rev: Option<Rev>,
}

impl RestoreObject {
    /// `None` for a store that takes writes.
    pub(in crate::cli) fn of(engine: &Engine) -> Result<Option<Self>, Failure> {
        Ok(engine.unconfirmed_restore()?.map(Self::from))
    }
}

impl From<Restored> for RestoreObject {
    fn from(restored: Restored) -> Self {
        Self { last_seq: restored.last_seq, last_rev: restored.last_rev }
    }
}
