//! `verify --proof`: what a partial CAR proves of one path.

use crate::cli::commands::verify::verified::Verified;
use crate::cli::environment::clock;
use crate::cli::failure::Failure;
use crate::cli::io::input::{self, DecompressionLimit};
use crate::cli::keys::GivenKeys;
use carrack::ident::RepoPath;
use carrack::key::SignatureStatus;
use carrack::limits::PROOF_BYTES_MAX;
use carrack::verify::{Input, verify_proof};
use carrack::{Code, Problem};
use std::path::Path;

pub(in crate::cli) fn verify_record_proof(
    file: &Path,
    path: &RepoPath,
    keys: &GivenKeys,
    limit: DecompressionLimit,
) -> Result<Verified, Failure> {
    let input = Input::from(input::read(file, PROOF_BYTES_MAX, limit)?);
    let mut proof = verify_proof(&input, path, &keys.head_or_unchecked(), &*clock())?;
    if keys.has_earlier() && proof.report.signature == Some(SignatureStatus::Valid) {
        let current = verify_proof(&input, path, &keys.current_head(), &*clock())?;
        if current.report.signature != Some(SignatureStatus::Valid) {
            let message = "the signature verifies only under a key that the account has no longer";
            proof.report.warnings.push(Problem::new(Code::BadSignature, message));
        }
    }
    Ok(Verified::Record(proof))
}
