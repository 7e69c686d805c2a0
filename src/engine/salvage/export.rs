use crate::block::{Block, Cid};
use crate::car::{Writer, section_of};
use crate::engine::handle::Engine;
use crate::engine::salvage::loss::Loss;
use crate::engine::salvage::walk::Salvaged;
use crate::error::Result;
use crate::ident::{Did, Rev};
use std::io::Write;

/// The result of [`Engine::export_salvaged`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SalvagedExport {
    /// The CID of the head commit.
    pub commit: Cid,
    /// The revision of the head.
    pub rev: Rev,
    /// The number of records in the CAR.
    pub records: u64,
    /// The number of records that are lost, those in lost ranges included.
    pub records_lost: u64,
    /// The number of losses: of the commit, of ranges and of single records.
    pub losses: u64,
    /// The number of blocks; a record at two paths counts twice.
    pub blocks: u64,
    /// The length of the CAR in bytes.
    pub bytes: u64,
}

impl SalvagedExport {
    /// Whether the CAR is the whole repository.
    pub fn is_whole(&self) -> bool {
        self.losses == 0 && self.records_lost == 0
    }
}

impl Engine {
    /// Writes what can be proved of an account's repository in a damaged store as a CAR in streaming
    /// order, and gives `lost` what is not in it. Without damage the CAR is that of
    /// [`Engine::export`]; otherwise its verification finds just what `lost` was given:
    /// `MissingNode`, `MissingRecord` or `MissingCommit`.
    ///
    /// One snapshot is held until `output` has taken everything.
    ///
    /// ```
    /// # use carrack::key::{Curve, SigningKey};
    /// # let engine = carrack::Engine::in_memory()?;
    /// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// # let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &key)?;
    /// let (mut car, mut losses) = (Vec::new(), Vec::new());
    /// let exported = engine.export_salvaged(&did, &mut car, &mut |loss| losses.push(loss))?;
    /// assert!(exported.is_whole() && losses.is_empty());
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Engine::salvage`]; `Io` if `output` fails. The CAR is incomplete then.
    pub fn export_salvaged(
        &self,
        did: &Did,
        output: impl Write,
        lost: &mut dyn FnMut(Loss),
    ) -> Result<SalvagedExport> {
        let salvage = self.salvage(did)?;
        let (commit, rev, held) =
            (salvage.commit().clone(), salvage.revision(), salvage.record_count());
        let mut car = Writer::new(output, std::slice::from_ref(&commit))?;
        let (mut records, mut losses, mut blocks) = (0, 0, 0);
        for step in salvage {
            let block: Block = match step? {
                Salvaged::Commit(block) | Salvaged::Node(block) => block,
                Salvaged::Record { block, .. } => {
                    records += 1;
                    block
                }
                Salvaged::Lost(loss) => {
                    losses += 1;
                    lost(loss);
                    continue;
                }
            };
            blocks += 1;
            car.write_section(&section_of(&block))?;
        }
        let bytes = car.bytes_written();
        car.finish()?;
        let records_lost = held.saturating_sub(records);
        Ok(SalvagedExport { commit, rev, records, records_lost, losses, blocks, bytes })
    }
}
