use crate::block::drisl::{Decoder, Encoder, Fault};
use crate::block::{Block, Cid};
use crate::error::Result;
use crate::ident::{Did, Rev};
use crate::key::{Sealed, SignatureStatus, Signer, VerifyingKey};
use crate::limits::COMMIT_BYTES_MAX;
use crate::problem::{Code, Problem};

/// A signed commit, read from its block.
///
/// Version 3 is what the protocol uses. Version 2 (no revision) occurs in old exports: it is read,
/// so that they can be verified, and never written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    block: Block,
    fields: CommitFields,
    signature: Vec<u8>,
}

/// A commit before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsignedCommit {
    /// The account.
    pub did: Did,
    /// The root of the tree.
    pub data: Cid,
    /// The revision.
    pub rev: Rev,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct CommitFields {
    did: Did,
    version: u8,
    data: Cid,
    rev: Option<Rev>,
    prev: Option<Cid>,
}

impl UnsignedCommit {
    /// Signs the commit: the SHA-256 of the encoding without `sig`. Specification:
    /// <https://atproto.com/specs/repository#commit-objects>.
    ///
    /// ```
    /// use carrack::commit::UnsignedCommit;
    /// use carrack::env::ManualClock;
    /// use carrack::ident::Rev;
    /// use carrack::key::{Curve, SignatureStatus, Signer, SigningKey};
    /// use carrack::parts::tree::Tree;
    ///
    /// let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// let rev = Rev::after(None, &ManualClock::new(1_700_000_000_000_000), 3)?;
    /// let unsigned = UnsignedCommit { did: "did:plc:abc".parse()?, data: Tree::empty().seal(), rev };
    /// let commit = unsigned.sign(&key)?;
    /// assert_eq!(commit.check(&[key.verifying_key()]), SignatureStatus::Valid);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// The signer's errors (`Key`, `Io`); `Problem` with `BadSignature` if the signature does not
    /// verify under the signer's key.
    pub fn sign(self, signer: &dyn Signer) -> Result<Commit> {
        self.sign_as(signer, &signer.verifying_key())
    }

    /// Signs the commit; the signature must verify under `key`, whatever key the signer reports
    /// now.
    pub(crate) fn sign_as(self, signer: &dyn Signer, key: &VerifyingKey) -> Result<Commit> {
        let Self { did, data, rev } = self;
        let fields = CommitFields { did, version: 3, data, rev: Some(rev), prev: None };
        let signature = signer.sign(&fields.encode(None))?.to_vec();
        let block = Block::dag_cbor(fields.encode(Some(&signature)));
        let commit = Commit { block, fields, signature };
        if signer.is_exact(Sealed) && signer.verifying_key() == *key {
            return Ok(commit);
        }
        // A signature by another key would give a repository that verifiers refuse.
        match commit.check(std::slice::from_ref(key)) {
            SignatureStatus::Valid => Ok(commit),
            _ => Err(Problem::new(
                Code::BadSignature,
                "the signer's signature does not verify under its own key",
            )
            .into()),
        }
    }
}

impl Commit {
    /// Decodes a commit. The signature is not checked.
    ///
    /// # Errors
    /// `BadCommit` for a wrong shape or version, `NonCanonical`, `BadRev`, `TooLarge`.
    pub fn decode(block: &Block) -> Result<Self, Problem> {
        let length = block.bytes().len();
        if length > COMMIT_BYTES_MAX {
            let message = format!("a commit of {length} bytes; {COMMIT_BYTES_MAX} at most");
            return Err(Problem::new(Code::TooLarge, message).cid(block.cid()));
        }
        if !block.cid().is_dag_cbor() {
            let message = "the commit's CID has a form that no commit's has";
            return Err(Problem::new(Code::UnsupportedCid, message).cid(block.cid()));
        }
        let (fields, signature) = CommitFields::decode(block.bytes()).map_err(|problem| {
            let of_space = is_of_space(block.bytes()).unwrap_or(false);
            if of_space { other_kind() } else { problem }.cid(block.cid())
        })?;
        let commit = Self { block: block.clone(), fields, signature };
        if commit.fields.encode(Some(&commit.signature)) != block.bytes() {
            let message = "the commit is not in its canonical form";
            return Err(Problem::new(Code::NonCanonical, message).cid(block.cid()));
        }
        Ok(commit)
    }

    /// The signed block.
    pub fn block(&self) -> &Block {
        &self.block
    }

    /// The CID of the signed object: the repository's head.
    pub fn cid(&self) -> &Cid {
        self.block.cid()
    }

    /// The account.
    pub fn did(&self) -> &Did {
        &self.fields.did
    }

    /// 3, or 2 for a legacy commit.
    pub fn version(&self) -> u8 {
        self.fields.version
    }

    /// The root of the tree.
    pub fn data(&self) -> &Cid {
        &self.fields.data
    }

    /// The revision; legacy commits have none.
    pub fn rev(&self) -> Option<Rev> {
        self.fields.rev
    }

    /// The CID of the previous commit; only legacy commits have it.
    pub fn prev(&self) -> Option<&Cid> {
        self.fields.prev.as_ref()
    }

    /// Checks the signature: it must verify under one of the keys.
    pub fn check(&self, keys: &[VerifyingKey]) -> SignatureStatus {
        if keys.is_empty() {
            return SignatureStatus::Unchecked;
        }
        let message = self.fields.encode(None);
        let mut status = SignatureStatus::Invalid;
        for key in keys {
            match key.verify(&message, &self.signature) {
                SignatureStatus::Valid => return SignatureStatus::Valid,
                SignatureStatus::HighS => status = SignatureStatus::HighS,
                SignatureStatus::Invalid | SignatureStatus::Unchecked => {}
            }
        }
        status
    }

    /// Whether the signature has the length that every valid one has.
    pub fn signature_has_length(&self) -> bool {
        self.signature.len() == 64
    }
}

/// Whether this is a commit of a permissioned repository.
fn is_of_space(bytes: &[u8]) -> Result<bool, Fault> {
    let mut from = Decoder::new(bytes);
    let mut found = 0;
    for _ in 0..from.map()? {
        found += u8::from(matches!(from.text()?, "hash" | "ikm" | "mac"));
        from.skip()?;
    }
    Ok(found == 3)
}

fn other_kind() -> Problem {
    let message = "this is the commit of a permissioned repository (of a space), which has no tree; \
                   only public repositories are read";
    Problem::new(Code::BadCommit, message)
}

impl CommitFields {
    /// Keys in the order of the canonical form: shorter first, then by bytes.
    fn encode(&self, signature: Option<&[u8]>) -> Vec<u8> {
        let mut to = Encoder::with_capacity(256);
        let count = 4 + usize::from(self.rev.is_some()) + usize::from(signature.is_some());
        to.map(count);
        to.text("did");
        to.text(self.did.as_str());
        if let Some(rev) = self.rev {
            to.text("rev");
            to.text(&rev.to_string());
        }
        if let Some(signature) = signature {
            to.text("sig");
            to.bytes(signature);
        }
        to.text("data");
        to.link(&self.data);
        to.text("prev");
        to.nullable_link(self.prev.as_ref());
        to.text("version");
        to.uint(self.version.into());
        to.finish()
    }

    fn decode(bytes: &[u8]) -> Result<(Self, Vec<u8>), Problem> {
        let mut from = Decoder::new(bytes);
        let count = from.map().map_err(bad)?;
        from.key("did").map_err(bad)?;
        let did = from.text().map_err(bad)?.parse::<Did>();
        let did = did.map_err(|error| Problem::new(Code::BadCommit, error.to_string()))?;
        let rev = match count {
            6 => Some(decode_rev(&mut from)?),
            5 => None,
            _ => return Err(Problem::new(Code::BadCommit, format!("{count} fields"))),
        };
        from.key("sig").map_err(bad)?;
        let signature = from.bytes().map_err(bad)?.to_vec();
        from.key("data").map_err(bad)?;
        let data = from.link().map_err(bad)?;
        from.key("prev").map_err(bad)?;
        let prev = from.nullable_link().map_err(bad)?;
        from.key("version").map_err(bad)?;
        let version = from.uint().map_err(bad)?;
        from.end().map_err(bad)?;
        let version = check_version(version, rev)?;
        for link in prev.iter().chain([&data]) {
            if !link.is_dag_cbor() {
                let message = format!("a link of the commit has a form that none may have: {link}");
                return Err(Problem::new(Code::BadCommit, message));
            }
        }
        Ok((Self { did, version, data, rev, prev }, signature))
    }
}

fn decode_rev(from: &mut Decoder<'_>) -> Result<Rev, Problem> {
    from.key("rev").map_err(bad)?;
    let text = from.text().map_err(bad)?;
    text.parse::<Rev>().map_err(|error| Problem::new(Code::BadRev, error.to_string()))
}

fn check_version(version: u64, rev: Option<Rev>) -> Result<u8, Problem> {
    match (version, rev) {
        (3, Some(_)) => Ok(3),
        (2, _) => Ok(2),
        (3, None) => Err(Problem::new(Code::BadCommit, "the commit has no rev")),
        _ => {
            let message = format!("commit version {version}; 3 is current, 2 is read");
            Err(Problem::new(Code::BadCommit, message))
        }
    }
}

fn bad(fault: Fault) -> Problem {
    fault.problem(Code::BadCommit)
}
