use crate::block::{Block, Cid, data_model};
use crate::car::{Blocks, Reader};
use crate::commit::Commit;
use crate::env::Clock;
use crate::error::{Error, Result};
use crate::ident::RepoPath;
use crate::limits::{PROOF_BLOCKS_MAX, PROOF_BYTES_MAX};
use crate::problem::{Code, Problem};
use crate::tree::{Gap, Key, NodeSource, Tree};
use crate::verify::expected_head::ExpectedHead;
use crate::verify::input::Input;
use crate::verify::report::Report;
use crate::verify::repository::report_of;
use std::io::Read;

/// The result of [`verify_proof`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProofReport {
    /// The head and every problem.
    pub report: Report,
    /// The path to be proved.
    pub path: RepoPath,
    /// Whether the path has a record; `None` if neither presence nor absence is proved, for example
    /// because the head is invalid.
    pub present: Option<bool>,
    /// The CID of the record; `None` unless it is present.
    pub cid: Option<Cid>,
}

/// Checks a partial CAR as a proof of the record at `path`, or of its absence. The CAR needs the
/// head, the nodes on the path, and the record, as `com.atproto.sync.getRecord` returns them. A
/// missing node is never taken for an absence.
///
/// ```
/// use carrack::engine::{Engine, Op, Record, WriteOptions};
/// use carrack::env::SystemClock;
/// use carrack::key::{Curve, SigningKey};
/// use carrack::verify::{ExpectedHead, Input, verify_proof};
///
/// let engine = Engine::in_memory()?;
/// let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
/// let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
/// engine.create_account(&did, &key)?;
/// let path: carrack::ident::RepoPath = "com.example.note/1".parse()?;
/// let note = Record::from_json(&serde_json::json!({"text": "ahoy"}))?;
/// engine.write(&did, vec![Op::create(path.clone(), note)], &WriteOptions::default(), &key)?;
///
/// let mut proof = Vec::new();
/// engine.snapshot(&did)?.proof(&path, &mut proof)?;
/// let expect = ExpectedHead::signed_by([key.verifying_key()]).did(did);
/// let found = verify_proof(&Input::from(proof), &path, &expect, &SystemClock)?;
/// assert_eq!(found.present, Some(true));
/// # Ok::<(), carrack::Error>(())
/// ```
///
/// # Errors
/// `Io` if reading fails. Problems of the proof are in the report.
pub fn verify_proof(
    input: &Input,
    path: &RepoPath,
    expect: &ExpectedHead,
    clock: &dyn Clock,
) -> Result<ProofReport> {
    let mut proof =
        ProofReport { report: Report::default(), path: path.clone(), present: None, cid: None };
    let blocks = match read_blocks(input.reader_at(0), &mut proof.report) {
        Ok(read) => read,
        Err(error) => {
            proof.report = report_of(error)?;
            return Ok(proof);
        }
    };
    proof.report.blocks = Some(blocks.sections);
    if let Some(data) = head(&blocks, expect, clock, &mut proof.report) {
        look_for(&mut proof, data, &blocks)?;
    }
    Ok(proof)
}

/// Blocks that are not in the partial CAR are gaps.
struct Gaps<'a> {
    blocks: &'a Blocks,
    path: &'a Key,
}

impl NodeSource for Gaps<'_> {
    fn load(&mut self, gap: &Gap) -> Result<Block> {
        self.blocks.by_cid.get(&gap.cid).cloned().ok_or_else(|| {
            let message = "a node on the way to the path is not in the proof";
            let absent = Problem::new(Code::NotProven, message);
            self.blocks.why_not(&gap.cid, absent).path(self.path).into()
        })
    }
}

fn read_blocks(input: impl Read, report: &mut Report) -> Result<Blocks> {
    Blocks::read(&mut Reader::new(input)?, |blocks, bytes, added| {
        if bytes > PROOF_BYTES_MAX {
            let message = format!("a proof of more than {PROOF_BYTES_MAX} bytes");
            return Err(Problem::new(Code::TooLarge, message).into());
        }
        match added {
            // Ignored, unless the proof needs the block.
            Err(problem) if problem.code != Code::HashMismatch => {}
            Err(problem) => report.problems.push(problem),
            Ok(()) if blocks.by_cid.len() > PROOF_BLOCKS_MAX => {
                let message = format!("a proof of more than {PROOF_BLOCKS_MAX} blocks");
                return Err(Problem::new(Code::TooManyBlocks, message).into());
            }
            Ok(()) => {}
        }
        Ok(())
    })
}

fn head(
    blocks: &Blocks,
    expect: &ExpectedHead,
    clock: &dyn Clock,
    report: &mut Report,
) -> Option<Cid> {
    let commit = match blocks.root_block().and_then(Commit::decode) {
        Ok(commit) => commit,
        Err(problem) => {
            report.problems.push(problem);
            return None;
        }
    };
    report.commit = Some(commit.cid().clone());
    report.version = Some(commit.version());
    report.did = Some(commit.did().clone());
    report.rev = commit.rev().filter(|_| commit.version() >= 3);
    report.data = Some(commit.data().clone());
    let problems = &mut report.problems;
    let signature = expect.check(&commit, clock, &mut |problem| problems.push(problem));
    report.signature = Some(signature);
    Some(commit.data().clone())
}

fn look_for(proof: &mut ProofReport, data: Cid, blocks: &Blocks) -> Result<()> {
    let head_was_right = proof.report.problems.is_empty();
    let key = Key::from(proof.path.as_bytes());
    let found = match Tree::at(data, None).find(&key, &mut Gaps { blocks, path: &key }) {
        Ok(found) => found,
        Err(Error::Problem(problem)) => {
            proof.report.problems.push(*problem);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    if let Some(cid) = &found {
        match blocks.by_cid.get(cid) {
            None => {
                let message = "the proof names the record and does not hold it";
                let absent = Problem::new(Code::MissingRecord, message);
                proof.report.problems.push(blocks.why_not(cid, absent).path(&key));
            }
            Some(block) => {
                if let Some(warning) = data_model::warning(block.bytes()) {
                    proof.report.warnings.push(warning.cid(cid).path(&key));
                }
            }
        }
    }
    // An invalid head proves nothing.
    if !head_was_right {
        return Ok(());
    }
    proof.present = Some(found.is_some());
    proof.cid = found;
    Ok(())
}
