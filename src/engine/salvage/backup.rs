use crate::engine::handle::Engine;
use crate::engine::salvage::left_out::LeftOut;
use crate::engine::salvage::log::{EventsLeftOut, plan_log};
use crate::engine::salvage::plan::{AccountsPlan, Refused, Stopped, plan_accounts};
use crate::engine::upkeep::backup::{BackedUp, empty_database, into_new_file};
use crate::error::Result;
use crate::ident::Did;
use crate::progress::Progress;
use crate::store::copy_intact::{IntactParts, copy_intact};
use crate::store::log::last_seq;
use crate::store::restore::Restored;
use crate::store::table_check::check_facts;
use crate::store::tables::View;
use redb::StorageBackend;
use std::path::Path;

/// The result of [`Engine::backup_intact`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PartialBackup {
    /// What the copy has.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub copied: BackedUp,
    /// Accounts that are not in the copy.
    pub left_out: Vec<LeftOut>,
    /// Accounts of which the copy does not note the revisions that the store has held: diffs of these
    /// begin anew with full exports.
    pub revisions_left_out: Vec<Did>,
    /// Events that are not in the copy; `None` if all are.
    pub events_left_out: Option<EventsLeftOut>,
}

impl PartialBackup {
    /// Whether nothing was left out.
    pub fn is_whole(&self) -> bool {
        self.left_out.is_empty()
            && self.revisions_left_out.is_empty()
            && self.events_left_out.is_none()
    }
}

impl Engine {
    /// Copies a damaged store into a new file at `path`: every account that is whole, as a scrub would
    /// find it, and the events behind the last one that cannot be read. The copy is marked as a backup,
    /// as that of [`Engine::backup`], and a scrub finds no fault in it. `progress` counts the bytes
    /// copied, after all accounts have been checked.
    ///
    /// What is left out is in the result: [`Engine::export_salvaged`] gets out what can be proved of a
    /// damaged account, and [`Engine::import`] brings it back. The copy's event log begins behind the
    /// damage, so that its readers learn what they have missed, also after the restore is confirmed.
    ///
    /// Everything is read from one snapshot. If the database refuses all reads after one that met
    /// damage, the engine is reopened ([`Engine::reopen`]) and the check begins again without that
    /// account.
    ///
    /// ```
    /// use carrack::{Engine, Progress};
    /// # let folder = tempfile::tempdir().map_err(|error| carrack::Error::Request(error.to_string()))?;
    /// # let at = |name| folder.path().join(name);
    /// let engine = Engine::open(at("store.redb"))?;
    /// let done = engine.backup_intact(at("backup.redb"), Progress::none())?;
    /// assert!(done.is_whole());
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Exists` if there is anything at `path`; `Io` if the file cannot be written; `Corrupt` if the
    /// facts about the store cannot be read; [those of every read](Engine#errors-of-every-call). No
    /// file is left then.
    pub fn backup_intact(
        &self,
        path: impl AsRef<Path>,
        progress: Progress<'_>,
    ) -> Result<PartialBackup> {
        into_new_file(path.as_ref(), |storage| self.backup_intact_to(storage, progress))
    }

    /// Copies what is whole onto an empty storage.
    pub(crate) fn backup_intact_to(
        &self,
        storage: impl StorageBackend,
        progress: Progress<'_>,
    ) -> Result<PartialBackup> {
        let to = empty_database(storage)?;
        let (view, accounts) = self.checked_accounts()?;
        check_facts(&view)?;
        let log = plan_log(&view)?;
        let (last_seq, last_rev) = (last_seq(view.facts()?)?, accounts.last_rev);
        let restored = Restored { micros: self.clock().now_micros(), last_seq, last_rev };
        let parts = IntactParts {
            accounts: &accounts.whole,
            with_revs: &accounts.with_revs,
            trees: &accounts.trees,
            log: log.log,
            restored: &restored,
        };
        let copied = copy_intact(&view, &to, &parts, progress)?;
        let copied = BackedUp {
            last_seq,
            last_rev,
            accounts: accounts.whole.len() as u64,
            rows: copied.rows,
            bytes: copied.bytes,
        };
        Ok(PartialBackup {
            copied,
            left_out: accounts.left_out,
            revisions_left_out: accounts.without_revs,
            events_left_out: log.left_out,
        })
    }

    /// A snapshot, and which of its accounts are whole. Each round has one account more that the
    /// database stopped at.
    fn checked_accounts(&self) -> Result<(View, AccountsPlan)> {
        let mut refused = Refused::new();
        loop {
            let view = self.view()?;
            match plan_accounts(&view, &refused)? {
                Ok(plan) => return Ok((view, plan)),
                Err(Stopped { did, cause }) => refused.insert(did, cause),
            };
            drop(view);
            self.reopen()?;
        }
    }
}
