//! Whether an engine reads and writes, and how it is reopened and closed.

use crate::engine::core::{Core, HealthState};
use crate::engine::handle::Engine;
use crate::error::{Error, Result};
use crate::store::session::Ended;
use crate::store::write::Unreadable;
use std::sync::{Arc, PoisonError};

/// What an engine can do at the moment, told without touching the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Health {
    /// Whether it reads and writes.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub state: HealthState,
    /// What background work left alone because it could not be read. Accounts are served all the
    /// same; run `scrub`, and restore from a backup or compact.
    pub unreadable: Vec<Unreadable>,
}

impl Engine {
    /// Whether the engine reads and writes at the moment, and what it could not read. Costs no
    /// access to the store.
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

    /// Ends the present session and opens the store again, after a failure of the disk that is gone
    /// by now, say ([`ErrorKind::Reopen`](crate::ErrorKind::Reopen)). What was acknowledged is there.
    ///
    /// Snapshots end, and so do imports and moves that are under way: they fail with
    /// [`ErrorKind::Stale`](crate::ErrorKind::Stale) and can be repeated. Event readers go on. Writes
    /// that have queued are carried out before, if the session still can. A closed engine is
    /// opened only if its storage is still there, which after [`Engine::close`] it is not.
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
    /// `Closed` after [`Engine::close`]; as [`Engine::open`] if the store cannot be opened: call it
    /// again then.
    pub fn reopen(&self) -> Result<()> {
        let mut slot = self.shared.core.write().unwrap_or_else(PoisonError::into_inner);
        let Some(core) = slot.as_ref() else {
            return Err(Error::Closed("the engine was closed".to_owned()));
        };
        core.end(Ended::Reopening);
        // On failure the ended session stays: it asks to be reopened, and the call can be repeated.
        let opened = Core::open(&self.shared.storage, &self.shared.options)
            .inspect_err(|error| core.session.storage().note(&error.to_string()));
        let (next, _) = opened?;
        core.session.replace();
        *slot = Some(Arc::new(next));
        Ok(())
    }

    /// Ends the engine in order: what has queued is carried out, the file is written cleanly and let
    /// go of, also while a snapshot is held. Everything fails with
    /// [`ErrorKind::Closed`](crate::ErrorKind::Closed) afterwards. Repeating it changes nothing.
    /// Dropping the last handle does the same. Other handles may be in use: their calls fail then.
    pub fn close(&self) {
        self.shared.close();
    }
}
