use crate::engine::read::snapshot::Snapshot;
use crate::error::{Error, Result};
use crate::ident::RepoPath;
use crate::store::read::record::commit_block;
use crate::store::write::working_set::WorkingSet;
use crate::tree::{Key, Tree};
use crate::verify::write_proof;
use std::io::Write;

impl Snapshot {
    /// Writes a CAR that proves, to a holder of the account's key, which record is at `path`, or
    /// that there is none: the commit, the nodes on the way, the record. Returns whether there is a
    /// record. For `com.atproto.sync.getRecord`; [`verify_proof`](crate::verify::verify_proof)
    /// checks the proof.
    ///
    /// ```
    /// # use carrack::key::{Curve, SigningKey};
    /// # let engine = carrack::Engine::in_memory()?;
    /// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// # let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &key)?;
    /// let mut proof = Vec::new();
    /// let is_present = engine.snapshot(&did)?.proof(&"com.example.note/1".parse()?, &mut proof)?;
    /// assert!(!is_present && !proof.is_empty());
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Io` if `output` fails; as [`Snapshot::record`]. The CAR is incomplete then.
    pub fn proof(&self, path: &RepoPath, output: impl Write) -> Result<bool> {
        self.check_age()?;
        let head = &self.head;
        let mut working_set = WorkingSet::new(self.view.rows()?, head.tree);
        let mut tree = Tree::at(head.data.clone(), Some(head.height));
        let (found, nodes) = tree.proof(&Key::from(path.as_bytes()), &mut working_set)?;
        let commit = commit_block(self.view.rows()?, head)?;
        let mut record = None;
        if let Some(cid) = &found {
            let stored = working_set.stored_record(&Key::from(path.as_bytes()))?;
            if stored.section.cid != *cid {
                return Err(Error::Corrupt(format!("the row of {path} holds another record")));
            }
            record = Some(stored.block()?);
        }
        write_proof(output, &commit, &nodes, record.as_ref())?;
        Ok(found.is_some())
    }
}
