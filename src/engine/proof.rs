use super::snapshot::Snapshot;
use crate::car::Writer;
use crate::error::{Error, Result};
use crate::ident::RepoPath;
use crate::store::read::record;
use crate::store::region::Region;
use crate::tree::{Key, Tree};
use std::io::Write;

impl Snapshot {
    /// Writes a CAR that proves to anybody who has the account's key what is at `path`, or that
    /// nothing is: the commit, the nodes on the way, the record. Says whether there is one.
    ///
    /// # Errors
    /// `Io` if writing fails; as [`Snapshot::record`].
    pub fn proof(&self, path: &RepoPath, output: impl Write) -> Result<bool> {
        self.check_age()?;
        let head = &self.head;
        let mut region = Region::new(self.view.rows()?, head.tree);
        let mut tree = Tree::at(head.data.clone(), Some(head.height));
        let (found, nodes) = tree.proof(&Key::from(path.as_bytes()), &mut region)?;
        let missing = |what: &str| Error::Corrupt(format!("{what} has no row"));
        let commit = record(self.view.rows()?, head.tree, b"")?
            .ok_or_else(|| missing("the commit"))?
            .block()?;
        let mut car = Writer::new(output, std::slice::from_ref(&head.commit))?;
        car.write(commit.cid(), commit.bytes())?;
        for node in &nodes {
            car.write(node.cid(), node.bytes())?;
        }
        if found.is_some() {
            let stored = record(self.view.rows()?, head.tree, path.as_bytes())?;
            let block = stored.ok_or_else(|| missing("a record"))?.block()?;
            car.write(block.cid(), block.bytes())?;
        }
        car.finish()?;
        Ok(found.is_some())
    }
}
