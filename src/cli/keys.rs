use crate::cli::failure::{Failure, NO, in_options};
use crate::cli::io::input::{is_standard, read_as};
use crate::cli::plc_log::{GivenLog, stated_signing_key};
use carrack::block::Cid;
use carrack::commit::Commit;
use carrack::engine::ImportOptions;
use carrack::ident::Did;
use carrack::identity::DidDocument;
use carrack::key::{SignatureStatus, SigningKey, VerifyingKey, key_file};
use carrack::limits::{DID_DOCUMENT_BYTES_MAX, PLC_LOG_BYTES_MAX};
use carrack::parts::files::FileKind;
use carrack::verify::ExpectedHead;
use carrack::{Code, Problem};
use clap::Args;
use std::path::{Path, PathBuf};

/// The options for keys that may have signed a repository.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct KeySources {
    /// A key that may have signed, as a did:key; may be repeated, and one match is enough
    #[arg(long = "key", value_name = "DID_KEY")]
    pub(in crate::cli) keys: Vec<VerifyingKey>,
    /// A DID document with the account and its key
    #[arg(long, value_name = "FILE")]
    did_doc: Option<PathBuf>,
    /// The log of a did:plc, as `/log/audit`, `/log` or `/export` give it, with the account and all
    /// keys that it ever had
    #[arg(long, value_name = "FILE")]
    plc_log: Option<PathBuf>,
    /// The expected account
    #[arg(long)]
    did: Option<Did>,
}

/// The expected account and keys, and which keys are former ones.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct GivenKeys {
    /// The account, if one is named.
    pub(in crate::cli) did: Option<Did>,
    /// Its keys, those of the past last.
    pub(in crate::cli) named: Vec<VerifyingKey>,
    /// Keys that the account has had and has no longer.
    earlier: Vec<VerifyingKey>,
}

impl KeySources {
    /// Reads the documents.
    pub(in crate::cli) fn read(&self) -> Result<GivenKeys, Failure> {
        let mut keys = GivenKeys::default();
        keys.did.clone_from(&self.did);
        keys.named.clone_from(&self.keys);
        if let Some(path) = &self.did_doc {
            keys.add_document(path)?;
        }
        if let Some(path) = &self.plc_log {
            keys.add_log(path)?;
        }
        Ok(keys)
    }

    /// The files that are read.
    pub(in crate::cli) fn files(&self) -> Vec<&Path> {
        [&self.did_doc, &self.plc_log].into_iter().flatten().map(PathBuf::as_path).collect()
    }

    /// Whether any source was given.
    pub(in crate::cli) fn any(&self) -> bool {
        !self.keys.is_empty() || self.did_doc.is_some() || self.plc_log.is_some()
    }

    /// Whether an account was named by its DID.
    pub(in crate::cli) fn names_account(&self) -> bool {
        self.did.is_some()
    }

    /// Refuses to read the standard input twice.
    pub(in crate::cli) fn check_standard_input(&self, file: &Path) -> Result<(), Failure> {
        let named = [self.did_doc.as_deref(), self.plc_log.as_deref(), Some(file)];
        if named.into_iter().flatten().filter(|path| is_standard(path)).count() > 1 {
            return Err(Failure::unusable("only one input can be `-`"));
        }
        Ok(())
    }

    /// The same for several files.
    pub(in crate::cli) fn check_standard_inputs(&self, files: &[PathBuf]) -> Result<(), Failure> {
        if files.iter().filter(|path| is_standard(path)).count() > 1 {
            return Err(Failure::unusable("only one input can be `-`"));
        }
        files.iter().try_for_each(|file| self.check_standard_input(file))
    }
}

/// Reads a key file.
pub(in crate::cli) fn read_key(path: &Path) -> Result<SigningKey, Failure> {
    if is_standard(path) {
        return Err(Failure::unusable(
            "a key is read from a key file, and not from standard input",
        ));
    }
    Ok(key_file::read(path)?)
}

/// What an import or a diff is checked with.
pub(in crate::cli) fn import_options(
    keys: &GivenKeys,
    no_key: bool,
    replace: Option<&Cid>,
    below_floor: bool,
) -> ImportOptions {
    let options = ImportOptions::default()
        .head(keys.head())
        .replace(replace.cloned())
        .historic(keys.earlier().iter().cloned())
        .below_floor(below_floor);
    if no_key { options.unverified() } else { options }
}

impl GivenKeys {
    /// Whether this key is one of the past, and was not asked for by itself.
    pub(in crate::cli) fn is_earlier(&self, key: &VerifyingKey) -> bool {
        self.earlier.contains(key)
    }

    /// The key of the past that signed a head, if one did and none of today.
    pub(in crate::cli) fn earlier_signer(&self, head: &Commit) -> Option<&VerifyingKey> {
        let signed =
            |key: &&VerifyingKey| head.check(std::slice::from_ref(*key)) == SignatureStatus::Valid;
        self.named.iter().find(signed).filter(|key| self.is_earlier(key))
    }

    /// The keys of the past.
    pub(in crate::cli) fn earlier(&self) -> &[VerifyingKey] {
        &self.earlier
    }

    /// What a head has to agree with. Without a key nothing agrees, or what the call says.
    pub(in crate::cli) fn head(&self) -> ExpectedHead {
        ExpectedHead::signed_by(self.named.iter().cloned()).did(self.did.clone())
    }

    /// The same. Without a key, the signature stays unchecked.
    pub(in crate::cli) fn head_or_unchecked(&self) -> ExpectedHead {
        if self.named.is_empty() {
            return ExpectedHead::unchecked().did(self.did.clone());
        }
        self.head()
    }

    /// As [`GivenKeys::head`], without keys of the past.
    pub(in crate::cli) fn current_head(&self) -> ExpectedHead {
        let current = self.named.iter().filter(|key| !self.is_earlier(key));
        ExpectedHead::signed_by(current.cloned()).did(self.did.clone())
    }

    /// Whether there are keys of the past.
    pub(in crate::cli) fn has_earlier(&self) -> bool {
        !self.earlier.is_empty()
    }

    fn add_document(&mut self, path: &Path) -> Result<(), Failure> {
        let said = |failure: Failure| failure.preceded_by(format_args!("{}: ", path.display()));
        let json = read_document(path, DID_DOCUMENT_BYTES_MAX)?;
        let document = DidDocument::parse(&json)
            .map_err(|error| said(no_document(&json).unwrap_or_else(|| error.into())))?;
        self.expect_did(&document.did, path)?;
        let key = document.signing_key.ok_or_else(|| {
            said(Failure::no("the document names no #atproto key; give one with --key"))
        })?;
        self.named.push(key);
        Ok(())
    }

    fn add_log(&mut self, path: &Path) -> Result<(), Failure> {
        let said = |failure: Failure| failure.preceded_by(format_args!("{}: ", path.display()));
        let json = read_document(path, PLC_LOG_BYTES_MAX)?;
        // Of a list, another account is an error of its own.
        let of_several = FileKind::of(&json) == Some(FileKind::LogLines);
        let wanted = self.did.as_ref().filter(|_| of_several);
        let log =
            GivenLog::verify(&json, wanted).map_err(|problem| said(no_log(&json, &problem)))?;
        self.expect_did(log.did(), path)?;
        let (now, past) = (log.signing_key(), log.former_signing_keys());
        if now.is_none() && past.is_empty() {
            return Err(said(Failure::no(no_key(&log))));
        }
        self.named.extend(now);
        for key in past {
            if !self.named.contains(&key) {
                self.named.push(key.clone());
                self.earlier.push(key);
            }
        }
        Ok(())
    }

    pub(in crate::cli) fn expect_did(&mut self, did: &Did, path: &Path) -> Result<(), Failure> {
        match &self.did {
            Some(other) if other != did => Err(Failure::unusable(format!(
                "{} is about {did}, and {other} was given before; name one account",
                path.display()
            ))),
            _ => {
                self.did = Some(did.clone());
                Ok(())
            }
        }
    }
}

/// A document or log that is damaged is not what is verified: no problem stands for it.
fn read_document(path: &Path, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    read_as(Code::BadLog, path, bytes_max as u64).map_err(|failure| match failure {
        Failure::Told { code: NO, message, .. } => Failure::no(message),
        failure => failure,
    })
}

/// What was given as a document, if it is of another kind.
fn no_document(json: &[u8]) -> Option<Failure> {
    let kind = FileKind::of(json)?;
    let remedy = match &kind {
        FileKind::DidDocument | FileKind::Json => return None,
        FileKind::AuditLog | FileKind::OperationLog | FileKind::LogLines => {
            "; give it with --plc-log".to_owned()
        }
        kind => kind.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default(),
    };
    Some(Failure::no(format!("this is {kind}, not a DID document{remedy}")))
}

/// What is wrong with a log, and what to do with a document that was given as one.
fn no_log(json: &[u8], problem: &Problem) -> Failure {
    let remedy = match FileKind::of(json) {
        Some(FileKind::DidDocument) => "; give it with --did-doc",
        _ => "",
    };
    Failure::no(format!("{}{remedy}", in_options(&problem.to_string())))
}

/// Why a log gives no key.
fn no_key(log: &GivenLog) -> String {
    match log.state().and_then(stated_signing_key) {
        Some(key) => format!(
            "the log's signing key {key} is of a kind that is not known (k256 and p256 are); give a \
             key with --key"
        ),
        None if log.state().is_none() => {
            "the identity is tombstoned, and its log names no key of it; give one with --key"
                .to_owned()
        }
        None => "the log names no signing key; give one with --key".to_owned(),
    }
}

/// The warning about a signature by a former key.
pub(in crate::cli) fn earlier_key(key: &VerifyingKey) -> String {
    format!(
        "the signature verifies only under {key}, which the account has had and has no longer: \
         the head was signed before the last change of keys, or by a holder of the old key"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

    fn document(folder: &Path, did: &str) -> PathBuf {
        let path = folder.join("did.json");
        let json = serde_json::json!({"id": did, "verificationMethod": [{
            "id": "#atproto", "type": "Multikey",
            "publicKeyMultibase": "zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF",
        }]});
        std::fs::write(&path, json.to_string()).unwrap();
        path
    }

    #[test]
    fn a_document_names_the_account() {
        let folder = tempfile::tempdir().unwrap();
        let did_doc = Some(document(folder.path(), DID));
        let sources = KeySources { did_doc, ..KeySources::default() };
        let keys = sources.read().unwrap();
        assert_eq!(keys.did, Some(DID.parse().unwrap()));
        assert_eq!(keys.named.len(), 1);
        let other = KeySources { did: Some("did:web:a.example".parse().unwrap()), ..sources };
        let failure = other.read().unwrap_err();
        assert!(matches!(failure, Failure::Told { code: 2, .. }), "{failure:?}");
    }
}
