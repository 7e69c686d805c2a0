use crate::block::{Block, Cid};
use crate::commit::Commit;
use crate::engine::handle::Engine;
use crate::engine::salvage::loss::Loss;
use crate::engine::salvage::storage::StoredSections;
use crate::error::{Error, Result};
use crate::ident::{Did, RepoPath, Rev};
use crate::store::account::Head;
use crate::store::accounts::account_row;
use crate::store::read::intact::{Found, IntactNode, IntactRows, NodeSpan, block_in};
use crate::store::tables::View;
use crate::tree::{NodeWant, RecordWant, Walk, Want};
use bytes::Bytes;

/// Reads a repository out of a damaged store, in streaming order: every block that can be read and
/// that the head proves, and in the place of the others what is lost. Ends after an error.
///
/// It reads from one snapshot, which pins pages of the file until it is dropped.
pub struct Salvage {
    engine: Engine,
    view: View,
    did: Did,
    head: Head,
    walk: Walk,
    /// The row of the node of layer 0 that is being left, which may hold its records.
    run: Option<Bytes>,
    /// What the storage has; looked at when a row is lost.
    stored: Option<StoredSections>,
    begun: bool,
    ended: bool,
}

/// A step of a [`Salvage`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Salvaged {
    /// The commit.
    Commit(Block),
    /// A node of the tree. One whose row is lost was made anew from what hangs on it.
    Node(Block),
    /// A record.
    Record {
        /// Its path.
        path: RepoPath,
        /// The record.
        block: Block,
    },
    /// Something that cannot be read, or not be proved.
    Lost(Loss),
}

impl Engine {
    /// Reads what can be proved of an account's repository out of a damaged store. Each block is
    /// looked up by itself, by the nodes above it from the root in the account's row, and is returned
    /// only if its bytes hash to the CID that they name. One that its rows do not have is looked for in
    /// the bytes of the whole storage, past the database: these are read once, when the first is lost.
    ///
    /// ```
    /// use carrack::engine::Salvaged;
    /// # use carrack::key::{Curve, SigningKey};
    /// # let engine = carrack::Engine::in_memory()?;
    /// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// # let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &key)?;
    /// for step in engine.salvage(&did)? {
    ///     assert!(!matches!(step?, Salvaged::Lost(_)));
    /// }
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotFound` without the account; `State` if it is deleted; `Corrupt` if the account's row cannot
    /// be read, without which nothing can be proved. From each step: `Corrupt` if the row contradicts
    /// the commit; `Stale` if the account changed while the engine had to be reopened because of
    /// damage; [those of every read](Engine#errors-of-every-call).
    pub fn salvage(&self, did: &Did) -> Result<Salvage> {
        let view = self.view()?;
        let head = account_row(view.accounts()?, did)?.readable_head(did)?.clone();
        Ok(Salvage {
            engine: self.clone(),
            view,
            did: did.clone(),
            walk: Walk::new(head.data.clone()),
            head,
            run: None,
            stored: None,
            begun: false,
            ended: false,
        })
    }
}

impl Salvage {
    /// The CID of the head commit.
    pub fn commit(&self) -> &Cid {
        &self.head.commit
    }

    /// The revision of the head.
    pub fn revision(&self) -> Rev {
        self.head.rev
    }

    /// The number of records that the account has by its row, lost ones included.
    pub fn record_count(&self) -> u64 {
        self.head.records
    }

    fn step(&mut self) -> Result<Option<Salvaged>> {
        if !self.begun {
            self.begun = true;
            return self.head_commit().map(Some);
        }
        loop {
            match self.walk.next() {
                Want::Node(want) => return self.node(&want).map(Some),
                Want::Record(want) => return self.record(want).map(Some),
                Want::Leave { .. } => self.run = None,
                Want::End => return Ok(None),
            }
        }
    }

    fn head_commit(&mut self) -> Result<Salvaged> {
        let cid = self.head.commit.clone();
        let block = match self.reading(|rows| rows.record(b"", &cid))? {
            Ok(block) => block,
            Err(cause) => match self.stored(&cid)? {
                Some(block) => block,
                None => return Ok(Salvaged::Lost(Loss::Commit { cid, cause })),
            },
        };
        let commit = Commit::decode(&block)?;
        if *commit.did() != self.did || *commit.data() != self.head.data {
            let message = format!("the row of {} contradicts its commit {cid}", self.did);
            return Err(Error::Corrupt(message));
        }
        Ok(Salvaged::Commit(block))
    }

    /// Enters a node; what is below one that is lost is passed over.
    fn node(&mut self, want: &NodeWant) -> Result<Salvaged> {
        let height = want.height.unwrap_or(self.head.height);
        let at = NodeSpan { left: &want.left, end: want.end.as_ref(), height };
        let lost = |cause| {
            let loss = Loss::range(&want.cid, &want.left, want.end.as_ref(), cause);
            Ok(Salvaged::Lost(loss))
        };
        let node = match self.reading(|rows| rows.node(at, &want.cid))? {
            Ok(node) => node,
            Err(cause) => match self.stored(&want.cid)? {
                Some(block) => IntactNode { block, row: None },
                None => return lost(cause),
            },
        };
        if let Some(problem) = self.walk.enter(&node.block).into_iter().next() {
            return lost(problem.to_string());
        }
        self.run = node.row.filter(|_| height == 0);
        Ok(Salvaged::Node(node.block))
    }

    fn record(&mut self, want: RecordWant) -> Result<Salvaged> {
        let RecordWant { key, cid } = want;
        let in_run = self.run.as_ref().and_then(|row| block_in(row, &cid));
        let found = match in_run {
            Some(block) => Ok(block),
            None => match self.reading(|rows| rows.record(key.as_bytes(), &cid))? {
                Err(cause) => self.stored(&cid)?.ok_or(cause),
                found => found,
            },
        };
        let path = RepoPath::from_bytes(key.as_bytes()).map_err(|error| error.to_string());
        Ok(match found.and_then(|block| Ok((path?, block))) {
            Ok((path, block)) => Salvaged::Record { path, block },
            Err(cause) => Salvaged::Lost(Loss::Record { path: key.to_string(), cid, cause }),
        })
    }

    /// The block, wherever the storage has it.
    fn stored(&mut self, cid: &Cid) -> Result<Option<Block>> {
        if self.stored.is_none() {
            self.stored = Some(StoredSections::scan(&self.engine.shared.storage)?);
        }
        Ok(self.stored.as_ref().and_then(|stored| stored.block(cid)))
    }

    /// Reads, and once more if the database refuses all reads after one that met damage.
    fn reading<T>(
        &mut self,
        read: impl Fn(&IntactRows<'_>) -> Result<Found<T>>,
    ) -> Result<Found<T>> {
        match self.read(&read) {
            Err(Error::Reopen(_)) => {
                self.reopen()?;
                match self.read(&read) {
                    Err(Error::Reopen(cause)) => self.reopen().map(|()| Err(cause)),
                    done => done,
                }
            }
            done => done,
        }
    }

    fn read<T>(&self, read: impl Fn(&IntactRows<'_>) -> Result<Found<T>>) -> Result<Found<T>> {
        match self.view.rows() {
            Ok(rows) => read(&IntactRows::new(rows, self.head.tree)),
            Err(Error::Corrupt(cause)) => Ok(Err(cause)),
            Err(error) => Err(error),
        }
    }

    fn reopen(&mut self) -> Result<()> {
        self.engine.reopen()?;
        self.view = self.engine.view()?;
        let account = account_row(self.view.accounts()?, &self.did)?;
        if account.head.as_ref() == Some(&self.head) {
            return Ok(());
        }
        Err(Error::Stale(format!("{} has changed while the engine was reopened", self.did)))
    }
}

impl Iterator for Salvage {
    type Item = Result<Salvaged>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step().transpose();
        self.ended = !matches!(step, Some(Ok(_)));
        step
    }
}
