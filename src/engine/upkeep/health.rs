//! The health of an engine, and how it is reopened and closed. See [`crate::manual::failures`].

use crate::engine::core::{Core, HealthState};
use crate::engine::handle::Engine;
use crate::error::{Error, Result};
use crate::store::session::Ended;
use crate::store::write::Unreadable;
use std::sync::{Arc, PoisonError};

/// The state of an engine, determined without an access to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Health {
    /// Whether it can read and write.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub state: HealthState,
    /// Data that background work could not read and skipped. Accounts are still served: run
    /// [`Engine::scrub`], then restore a backup or compact the store.
    pub unreadable: Vec<Unreadable>,
}

impl Engine {
    /// Reports whether the engine can read and write, and which data background work could not
    /// read. Does not access the store.
    ///
    /// ```
    /// use carrack::engine::{Engine, HealthState};
    /// let engine = Engine::in_memory()?;
    /// assert_eq!(engine.health().state, HealthState::Open);
    /// engine.close();
    /// assert_eq!(engine.health().state, HealthState::Closed);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    pub fn health(&self) -> Health {
        match self.core() {
            Ok(core) => Health { state: core.state(), unreadable: core.writer.unreadable() },
            Err(_) => Health { state: HealthState::Closed, unreadable: Vec::new() },
        }
    }

    /// Ends the current session and opens the store again, for example after a disk failure
    /// ([`ErrorKind::Reopen`](crate::ErrorKind::Reopen)) whose cause is gone. Acknowledged writes
    /// are kept.
    ///
    /// Snapshots, imports and moves in progress fail with
    /// [`ErrorKind::Stale`](crate::ErrorKind::Stale) and can be repeated. Event readers continue.
    /// Queued writes are carried out first, if the session still can. After [`Engine::close`] an
    /// engine cannot be reopened, because its storage is released.
    ///
    /// ```
    /// # use carrack::engine::Engine;
    /// # use carrack::{ErrorKind, ident::Did, key::{Curve, SigningKey}};
    /// # let engine = Engine::in_memory()?;
    /// # let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &SigningKey::from_bytes(Curve::K256, &[7; 32])?)?;
    /// let old = engine.snapshot(&did)?;
    /// engine.reopen()?;
    /// assert_eq!(old.collections().unwrap_err().kind(), ErrorKind::Stale);
    /// assert!(engine.snapshot(&did)?.collections()?.is_empty());
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Closed` after [`Engine::close`]; as [`Engine::open`] if the store cannot be opened, and the
    /// call can be repeated.
    pub fn reopen(&self) -> Result<()> {
        let mut slot = self.shared.core.write().unwrap_or_else(PoisonError::into_inner);
        let Some(core) = slot.as_ref() else {
            return Err(Error::Closed("the engine was closed".to_owned()));
        };
        core.end(Ended::Reopening);
        // On failure the ended session stays, reports `Reopen`, and the call can be repeated.
        let opened = Core::open(&self.shared.storage, &self.shared.options)
            .inspect_err(|error| core.session.storage().note(&error.to_string()));
        let (next, _) = opened?;
        core.session.replace();
        *slot = Some(Arc::new(next));
        Ok(())
    }

    /// Closes the engine: carries out queued writes, flushes the file and releases it, even while a
    /// snapshot is held. Later calls of any handle fail with
    /// [`ErrorKind::Closed`](crate::ErrorKind::Closed). Closing again changes nothing. Dropping the
    /// last handle closes the engine too.
    pub fn close(&self) {
        self.shared.close();
    }
}
