use crate::block::{Block, Cid};
use crate::car::{Writer, section_of};
use crate::engine::export::pipe::{ExportCheck, PipeWriter, pipe};
use crate::engine::read::snapshot::Snapshot;
use crate::error::{Error, Result};
use crate::ident::Nsid;
use crate::problem::Problem;
use crate::store::read::tree_cursor::TreeCursor;
use crate::tree::{Key, KeyRange, Walk, Want};
use std::io::Write;

impl Snapshot {
    /// Writes a CAR that proves, to a holder of the account's key, all records of a collection: the
    /// commit, then in streaming order every node that may hold a key of the collection, and its
    /// records. Returns the number of records; 0 proves that there are none.
    ///
    /// Memory is bounded, and every block is rehashed before it is written. After some seconds of a
    /// slow `output`, the rest is read into a temporary file. [`verify_collection`] checks the
    /// proof.
    ///
    /// ```
    /// # use carrack::engine::Engine;
    /// # use carrack::env::SystemRandom;
    /// # use carrack::ident::Did;
    /// # use carrack::key::{Curve, SigningKey};
    /// # let folder = tempfile::tempdir().map_err(|error| carrack::Error::Request(error.to_string()))?;
    /// # let engine = Engine::open(folder.path().join("store.redb"))?;
    /// # let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &SigningKey::generate(Curve::K256, &SystemRandom)?)?;
    /// let mut proof = Vec::new();
    /// let snapshot = engine.snapshot(&did)?;
    /// assert_eq!(snapshot.prove_collection(&"app.bsky.feed.like".parse()?, &mut proof)?, 0);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// [`verify_collection`]: crate::verify::verify_collection
    ///
    /// # Errors
    /// `Io` if `output` fails; as [`Snapshot::record`]. The CAR is incomplete then.
    pub fn prove_collection(&self, collection: &Nsid, output: impl Write) -> Result<u64> {
        self.check_age()?;
        let mut car = Writer::new(output, std::slice::from_ref(&self.head.commit))?;
        let (writer, reader) = pipe(ExportCheck::Done);
        let range = KeyRange::of_collection(collection);
        let records = std::thread::scope(|scope| {
            let thread = scope.spawn(|| self.read_range(&range, writer));
            let written = reader.write_to(&mut car);
            let died = |_| Err(Error::Corrupt("reading a proof's rows panicked".to_owned()));
            let read = thread.join().unwrap_or_else(died);
            // If both failed, the output failed first.
            written.and(read)
        })?;
        car.finish()?;
        Ok(records)
    }

    /// Reads the blocks of the proof and returns the number of records.
    fn read_range(&self, range: &KeyRange, mut writer: PipeWriter) -> Result<u64> {
        let mut stored = TreeCursor::new(self.view.rows()?, self.head.tree);

        let mut records = 0;
        let commit = stored.record(&Key::edge(), &self.head.commit)?;
        let mut listened_to = writer.push(&section_of(&commit))?;
        let mut walk = Walk::new(self.head.data.clone());
        while listened_to {
            self.check_age()?;
            match walk.next() {
                Want::Node(want) if range.overlaps(&want.left, want.end.as_ref()) => {
                    let height = want.height.unwrap_or(self.head.height);
                    let block = stored.node(&want.left, height, &want.cid)?;
                    enter(&mut walk, &block)?;
                    listened_to = writer.push(&section_of(&block))?;
                }
                Want::Record(want) if range.contains(&want.key) => {
                    records += 1;
                    listened_to =
                        writer.push(&section_of(&stored.record(&want.key, &want.cid)?))?;
                }
                Want::Node(_) | Want::Record(_) | Want::Leave { .. } => {}
                Want::End => {
                    writer.finish()?;
                    break;
                }
            }
        }
        Ok(records)
    }
}

fn enter(walk: &mut Walk, block: &Block) -> Result<()> {
    match walk.enter(block).first() {
        None => Ok(()),
        Some(problem) => Err(not_a_node(block.cid(), problem)),
    }
}

fn not_a_node(cid: &Cid, problem: &Problem) -> Error {
    Error::Corrupt(format!("the stored node {cid} breaks a rule of the tree: {problem}"))
}
