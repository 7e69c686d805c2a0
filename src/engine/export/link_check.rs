//! Checks that exported blocks are the tree that the head names.

use crate::block::Cid;
use crate::commit::Commit;
use crate::error::{Error, Result};
use crate::store::account::Head;
use crate::store::rows::value::RawSection;
use crate::tree::{NodeLink, links};

/// Follows the links of a whole repository in streaming order: each block must be the next linked
/// one and match its CID. A row that is lost, damaged or misplaced is found before its bytes reach
/// the reader.
pub(in crate::engine) struct LinkChecker {
    commit: Cid,
    data: Cid,
    /// Links not yet followed, the next one last.
    due: Vec<NodeLink>,
    begun: bool,
}

impl LinkChecker {
    pub(in crate::engine) fn new(head: &Head) -> Self {
        Self { commit: head.commit.clone(), data: head.data.clone(), due: Vec::new(), begun: false }
    }

    /// Checks the next block.
    pub(in crate::engine) fn next(&mut self, section: &RawSection<'_>) -> Result<()> {
        if !self.begun {
            self.begun = true;
            expect(&self.commit, section)?;
            return self.commit(section);
        }
        match self.due.pop() {
            Some(NodeLink::Record(cid)) => expect(&cid, section),
            Some(NodeLink::Node(cid)) => {
                expect(&cid, section)?;
                let below = links(section.block).map_err(|problem| corrupt(&problem))?;
                self.due.extend(below.into_iter().rev());
                Ok(())
            }
            None => Err(Error::Corrupt(format!("{} belongs to nothing", section.cid))),
        }
    }

    fn commit(&mut self, section: &RawSection<'_>) -> Result<()> {
        let block = section.to_block()?;
        let commit = Commit::decode(&block).map_err(|problem| corrupt(&problem))?;
        if *commit.data() != self.data {
            return Err(Error::Corrupt("the commit names another tree than the head".to_owned()));
        }
        self.due.push(NodeLink::Node(self.data.clone()));
        Ok(())
    }

    /// Checks that no link is left.
    pub(in crate::engine) fn end(&self) -> Result<()> {
        match self.due.last() {
            _ if !self.begun => Err(Error::Corrupt("a tree without its commit".to_owned())),
            Some(NodeLink::Node(cid) | NodeLink::Record(cid)) => {
                Err(Error::Corrupt(format!("{cid} is not in the store")))
            }
            None => Ok(()),
        }
    }
}

fn expect(cid: &Cid, section: &RawSection<'_>) -> Result<()> {
    if section.cid != *cid {
        let found = &section.cid;
        return Err(Error::Corrupt(format!("{found} is in the store where {cid} should be")));
    }
    section.check()
}

fn corrupt(problem: &crate::Problem) -> Error {
    Error::Corrupt(problem.to_string())
}
