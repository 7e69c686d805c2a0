//! Opens a FILE of which a part is read.

use crate::cli::environment::clock;
use crate::cli::failure::Failure;
use crate::cli::io::input;
use crate::cli::io::stderr::{note, tell};
use crate::cli::keys::{GivenKeys, KeySources, earlier_key};
use carrack::ident::Did;
use carrack::key::SignatureStatus;
use carrack::verify::{Archive, ExpectedHead};
use std::path::Path;

/// Opens a file whose head has to be of this account, if one is named. The signature is not checked.
pub(in crate::cli) fn open_unchecked(path: &Path, did: Option<&Did>) -> Result<Archive, Failure> {
    let archive = Archive::open(&input::open(path)?).map_err(|error| about(path, error))?;
    if let Some(did) = did {
        let expect = ExpectedHead::unchecked().did(did.clone());
        expect.check_did(archive.commit().did()).map_err(|problem| about(path, problem))?;
    }
    Ok(archive)
}

/// Opens a file whose head is checked with the keys. Without a key, standard error says that the
/// signature is unchecked.
pub(in crate::cli) fn open_checked(
    path: &Path,
    did: Option<&Did>,
    sources: &KeySources,
) -> Result<Archive, Failure> {
    sources.check_standard_input(path)?;
    let keys = sources.read()?;
    let archive = open_unchecked(path, did)?;
    let expect = keys.head_or_unchecked();
    let signature = archive.check_head(&expect, &*clock()).map_err(|error| about(path, error))?;
    tell_signature(&archive, signature, &keys);
    Ok(archive)
}

fn tell_signature(archive: &Archive, signature: SignatureStatus, keys: &GivenKeys) {
    if signature == SignatureStatus::Unchecked {
        note(format_args!("the signature is unchecked (give --key, --did-doc or --plc-log)"));
    } else if let Some(key) = keys.earlier_signer(archive.commit()) {
        tell(format_args!("warning: {}", earlier_key(key)));
    }
}

/// Refuses keys where a store is read: its heads are checked when they come in.
pub(in crate::cli) fn refuse_keys(sources: &KeySources) -> Result<(), Failure> {
    if sources.any() || sources.names_account() {
        return Err(Failure::unusable(
            "--key, --did-doc, --plc-log and --did check a FILE; `carrack trust STORE DID` checks \
             the head that a store holds",
        ));
    }
    Ok(())
}

/// Names the file in a failure that is about its content.
pub(in crate::cli) fn about(path: &Path, error: impl Into<Failure>) -> Failure {
    let name = if input::is_standard(path) { Path::new("standard input") } else { path };
    match error.into() {
        failure @ Failure::Told { .. } if failure.problems().is_some() => {
            failure.preceded_by(format_args!("{}: ", name.display()))
        }
        failure => failure,
    }
}
