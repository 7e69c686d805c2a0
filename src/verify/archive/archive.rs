use crate::block::{Block, Cid};
use crate::commit::Commit;
use crate::env::Clock;
use crate::error::{Error, Result};
use crate::ident::RepoPath;
use crate::key::SignatureStatus;
use crate::problem::{Code, Problem, Problems};
use crate::tree::{Gap, Key, NodeSource, NodeWant, Tree, TreeReader};
use crate::verify::archive::sections::ArchiveSections;
use crate::verify::block_source::Missing;
use crate::verify::expected_head::ExpectedHead;
use crate::verify::input::Input;
use crate::verify::read_through::read_header;

/// A repository in a CAR of any block order, of which single records are read and proved.
///
/// Every answer is proved from the root that the commit names: the hashes on the way, the form of
/// each node, its layer and its range of keys. The rest of the file is not judged; [`verify`] does
/// that. A node that the file lacks is an error, and never an absence, so a partial CAR can be read
/// too. The commit is decoded, and its signature checked by [`Archive::check_head`] only.
///
/// The file is read through and indexed at the first look-up, in 17 to 18 bytes of memory for each
/// section; other memory is one path of the tree. Of several sections with one CID the first
/// counts.
///
/// [`verify`]: crate::verify::verify
///
/// ```
/// use carrack::engine::{Engine, Op, Record, WriteOptions};
/// use carrack::env::SystemClock;
/// use carrack::key::{Curve, SignatureStatus, SigningKey};
/// use carrack::verify::{Archive, ExpectedHead, Input};
///
/// let engine = Engine::in_memory()?;
/// let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
/// let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
/// engine.create_account(&did, &key)?;
/// let path: carrack::ident::RepoPath = "com.example.note/1".parse()?;
/// let note = Record::from_json(&serde_json::json!({"text": "ahoy"}))?;
/// engine.write(&did, vec![Op::create(path.clone(), note)], &WriteOptions::default(), &key)?;
/// let mut car = Vec::new();
/// engine.export(&did, &mut car)?;
///
/// let archive = Archive::open(&Input::from(car))?;
/// let expect = ExpectedHead::signed_by([key.verifying_key()]).did(did);
/// assert_eq!(archive.check_head(&expect, &SystemClock)?, SignatureStatus::Valid);
/// assert!(archive.record(&path)?.is_some());
/// assert!(archive.record(&"com.example.note/2".parse()?)?.is_none());
/// # Ok::<(), carrack::Error>(())
/// ```
pub struct Archive {
    sections: ArchiveSections,
    commit: Commit,
}

impl Archive {
    /// Reads the header and the commit that it names.
    ///
    /// # Errors
    /// `Problem` with `NotACar`, `Truncated`, `TooLarge`, `NoRoot`, `UnsupportedCid`,
    /// `MissingCommit`, or with what is wrong with the commit; `Refused` if the commit is missing
    /// and the file is damaged, with the damage first; `Io` if reading fails.
    pub fn open(input: &Input) -> Result<Self> {
        let mut reader = read_header(input)?;
        let no_root = || Problem::new(Code::NoRoot, "the header names no root");
        let root = reader.roots().first().cloned().ok_or_else(no_root)?;
        if !root.is_dag_cbor() {
            let message = "the root has a form that no commit's CID has";
            return Err(Problem::new(Code::UnsupportedCid, message).cid(&root).into());
        }
        let sections = ArchiveSections::new(input);
        // The commit mostly comes first: no index is needed for it.
        let block = match reader.next_or_skipped() {
            Ok(Some(first)) if first.cid() == Some(&root) => {
                first.into_block().map_err(|problem| problem.cid(&root))?
            }
            _ => block(&sections, &root, || {
                Problem::new(Code::MissingCommit, "the root's block is not there")
            })?,
        };
        Ok(Self { commit: Commit::decode(&block)?, sections })
    }

    /// The head commit. Its signature is not checked.
    pub fn commit(&self) -> &Commit {
        &self.commit
    }

    /// Checks the commit against the account, the keys and the clock, as
    /// [`verify`](crate::verify::verify) does, and returns the status of the signature: `Valid`, or
    /// `Unchecked` for [`ExpectedHead::unchecked`].
    ///
    /// # Errors
    /// `Refused` with `DidMismatch`, `BadSignature`, `HighS` or `FutureRev`.
    pub fn check_head(&self, expect: &ExpectedHead, clock: &dyn Clock) -> Result<SignatureStatus> {
        let mut problems = Problems::default();
        let signature = expect.check(&self.commit, clock, &mut |problem| problems.push(problem));
        if problems.is_empty() { Ok(signature) } else { Err(Error::Refused(problems)) }
    }

    /// The record at `path`; `None` if the tree proves that there is none. Its bytes match its hash,
    /// and are not checked further.
    ///
    /// # Errors
    /// `Problem` with `NotProven` if the file lacks a node on the way, `MissingRecord` if it lacks
    /// the record, or with what is wrong with a section or a node; `Refused` if the file is damaged
    /// as well, with the damage first; `Io` if reading fails.
    pub fn record(&self, path: &RepoPath) -> Result<Option<Block>> {
        let key = Key::from(path.as_bytes());
        let found = self.tree().find(&key, &mut PathNodes { archive: self, path: &key })?;
        found.map(|cid| self.record_block(&key, &cid)).transpose()
    }

    /// The tree, of which nothing is in memory.
    pub(in crate::verify) fn tree(&self) -> Tree {
        Tree::at(self.commit.data().clone(), None)
    }

    /// The most bytes of blocks that one call reads.
    pub(in crate::verify) fn readable_bytes(&self) -> u64 {
        self.sections.readable_bytes()
    }

    /// The record that an entry names.
    pub(in crate::verify) fn record_block(&self, key: &Key, cid: &Cid) -> Result<Block> {
        self.block(cid, || {
            let message = "the tree names the record, and the file does not have it";
            Problem::new(Code::MissingRecord, message).path(key)
        })
    }

    /// The block with this CID, or the problem that it is absent.
    pub(in crate::verify) fn block(
        &self,
        cid: &Cid,
        absent: impl FnOnce() -> Problem,
    ) -> Result<Block> {
        block(&self.sections, cid, absent)
    }
}

fn block(sections: &ArchiveSections, cid: &Cid, absent: impl FnOnce() -> Problem) -> Result<Block> {
    let absent = match sections.look_up(cid)? {
        Ok(block) => return Ok(block),
        Err(Missing::Wrong(problem)) => return Err(problem.cid(cid).into()),
        Err(Missing::Absent | Missing::GivenUp) => absent().cid(cid),
    };
    // A file that is cut short lacks blocks for that reason.
    match sections.broken() {
        Some(broken) => Err(Error::Refused([broken.clone(), absent].into_iter().collect())),
        None => Err(absent.into()),
    }
}

impl TreeReader for Archive {
    fn root(&self) -> &Cid {
        self.commit.data()
    }

    fn node(&self, want: &NodeWant) -> Result<Block> {
        self.block(&want.cid, || {
            Problem::new(Code::MissingNode, "a tree node is not in the file").path(&want.left)
        })
    }
}

/// The nodes on the way to a path.
pub(in crate::verify) struct PathNodes<'a> {
    pub(in crate::verify) archive: &'a Archive,
    pub(in crate::verify) path: &'a Key,
}

impl NodeSource for PathNodes<'_> {
    fn load(&mut self, gap: &Gap) -> Result<Block> {
        self.archive.block(&gap.cid, || {
            let message = "a node on the way to the path is not in the file";
            Problem::new(Code::NotProven, message).path(self.path)
        })
    }
}
