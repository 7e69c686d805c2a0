//! FILE, or STORE DID: where a command finds the repository that it reads.

use crate::cli::failure::Failure;
use crate::cli::io::input::{self, DecompressionLimit};
use crate::cli::io::known_file::KnownFile;
use crate::cli::selector::{AtUri, Selector, Within};
use crate::cli::store::{self, StoreLocation};
use carrack::Engine;
use carrack::ident::{Did, Nsid, RepoPath};
use carrack::verify::Input;
use clap::Args;
use std::path::{Path, PathBuf};

/// The first argument of a command that reads a repository.
#[derive(Debug, Args)]
pub(in crate::cli) struct RepositoryArgs {
    /// A repository as a CAR, or `-` for standard input; with a DID, a store
    #[arg(value_name = "FILE|STORE")]
    path: PathBuf,
    /// Read a store of an older format without upgrading it
    #[arg(long)]
    no_upgrade: bool,
    #[command(flatten)]
    limit: DecompressionLimit,
}

impl RepositoryArgs {
    pub(in crate::cli) fn path(&self) -> &Path {
        &self.path
    }

    /// What it is together with the arguments that follow it.
    pub(in crate::cli) fn select(&self, selectors: &[Selector]) -> Result<Selection, Failure> {
        Selection::of(&self.path, self.no_upgrade, self.limit, selectors)
    }
}

/// The arguments of a command that reads a whole repository, or one collection of it.
#[derive(Debug, Args)]
pub(in crate::cli) struct CollectionArgs {
    #[command(flatten)]
    repository: RepositoryArgs,
    /// The account in the STORE, or an at:// URI of an account or a collection
    #[arg(value_name = "DID")]
    selector: Option<Selector>,
    /// Read only this collection
    #[arg(long, value_name = "NSID")]
    collection: Option<Nsid>,
}

impl CollectionArgs {
    /// Where the repository is, and the collection if one is named.
    pub(in crate::cli) fn select(&self) -> Result<(Place, Option<Nsid>), Failure> {
        let selection = self.repository.select(self.selector.as_slice())?;
        selection.collection(self.collection.as_ref())
    }
}

/// A repository, and what is selected in it.
#[derive(Debug)]
pub(in crate::cli) struct Selection {
    pub(in crate::cli) place: Place,
    pub(in crate::cli) within: Option<Within>,
}

/// Where a repository is.
#[derive(Debug)]
pub(in crate::cli) enum Place {
    /// In a file.
    File(RepositoryFile),
    /// In a store.
    Account(StoredAccount),
}

/// FILE.
#[derive(Debug)]
pub(in crate::cli) struct RepositoryFile {
    pub(in crate::cli) path: PathBuf,
    /// The account that it has to be of, if one is named.
    pub(in crate::cli) did: Option<Did>,
    limit: DecompressionLimit,
}

/// STORE DID.
#[derive(Debug)]
pub(in crate::cli) struct StoredAccount {
    pub(in crate::cli) store: PathBuf,
    pub(in crate::cli) did: Did,
    no_upgrade: bool,
}

impl Selection {
    /// Of the path of a file or store, and the arguments that follow it.
    pub(in crate::cli) fn of(
        path: &Path,
        no_upgrade: bool,
        limit: DecompressionLimit,
        selectors: &[Selector],
    ) -> Result<Self, Failure> {
        if path.to_str().is_some_and(Selector::begins) {
            return Err(Failure::unusable(format!(
                "{} names an account: name the STORE before it, or a FILE",
                path.display()
            )));
        }
        let mut given = Given::default();
        for selector in selectors {
            given.add(selector)?;
        }
        let Given { account, uri_account, within } = given;
        let stored =
            |did| Place::Account(StoredAccount { store: path.to_owned(), did, no_upgrade });
        let place = match (account, uri_account) {
            (Some(did), _) => {
                check_store(path)?;
                stored(did)
            }
            (None, Some(did)) if is_store(path) => stored(did),
            (None, None) if is_store(path) => {
                let name = path.display();
                return Err(Failure::unusable(format!(
                    "{name} is a store: name the account too, as in `{name} did:plc:…` (`carrack \
                     accounts {name}` lists them)"
                )));
            }
            (None, did) => Place::File(RepositoryFile { path: path.to_owned(), did, limit }),
        };
        Ok(Self { place, within })
    }

    /// The only path that is selected.
    pub(in crate::cli) fn record(self) -> Result<(Place, RepoPath), Failure> {
        match self.within {
            Some(Within::Record(path)) => Ok((self.place, path)),
            _ => Err(Failure::unusable(
                "name a record: its path (collection/record-key), or at://DID/collection/record-key",
            )),
        }
    }

    /// The collection that is selected, together with that of an option.
    pub(in crate::cli) fn collection(
        self,
        option: Option<&Nsid>,
    ) -> Result<(Place, Option<Nsid>), Failure> {
        match (self.within, option) {
            (None, option) => Ok((self.place, option.cloned())),
            (Some(Within::Collection(named)), None) => Ok((self.place, Some(named))),
            (Some(Within::Collection(named)), Some(option)) if named == *option => {
                Ok((self.place, Some(named)))
            }
            (Some(Within::Collection(named)), Some(option)) => Err(Failure::unusable(format!(
                "the URI names the collection {named}, and --collection {option}"
            ))),
            (Some(Within::Record(path)), _) => Err(Failure::unusable(format!(
                "{path} is a single record, which `carrack get` prints: name a collection here, or \
                 none"
            ))),
        }
    }

    /// The whole repository.
    pub(in crate::cli) fn whole(self) -> Result<Place, Failure> {
        match self.within {
            None => Ok(self.place),
            Some(_) => Err(Failure::unusable(
                "this command reads whole repositories: name the account only (did:…, or at://DID)",
            )),
        }
    }
}

/// The arguments that follow a path, together.
#[derive(Default)]
struct Given {
    account: Option<Did>,
    uri_account: Option<Did>,
    within: Option<Within>,
}

impl Given {
    fn add(&mut self, selector: &Selector) -> Result<(), Failure> {
        match selector {
            Selector::Account(did) => {
                self.check_account(did)?;
                if self.account.replace(did.clone()).is_some() {
                    return Err(Failure::unusable("one account is enough"));
                }
            }
            Selector::Uri(AtUri { did, within }) => {
                self.check_account(did)?;
                self.uri_account = Some(did.clone());
                if let Some(within) = within {
                    self.narrow(within.clone())?;
                }
            }
            Selector::Path(path) => self.narrow(Within::Record(path.clone()))?,
        }
        Ok(())
    }

    fn check_account(&self, did: &Did) -> Result<(), Failure> {
        let named = [&self.account, &self.uri_account].into_iter().flatten();
        match named.into_iter().find(|other| *other != did) {
            Some(other) => {
                Err(Failure::unusable(format!("{did} is another account than {other}: name one")))
            }
            None => Ok(()),
        }
    }

    fn narrow(&mut self, within: Within) -> Result<(), Failure> {
        match self.within.replace(within) {
            None => Ok(()),
            Some(_) => Err(Failure::unusable("name one record")),
        }
    }
}

impl RepositoryFile {
    /// Opens the file.
    pub(in crate::cli) fn open(&self) -> Result<Input, Failure> {
        input::open(&self.path, self.limit)
    }
}

impl StoredAccount {
    /// Opens the store.
    pub(in crate::cli) fn open(&self) -> Result<Engine, Failure> {
        store::reading(StoreLocation::of(&self.store, self.no_upgrade))
    }
}

/// Whether a file begins like a database.
fn is_store(path: &Path) -> bool {
    !input::is_standard(path) && matches!(KnownFile::of(path), Ok(Some(KnownFile::Store)))
}

/// Refuses a file that is no store where an account of a store was named.
fn check_store(path: &Path) -> Result<(), Failure> {
    if input::is_standard(path) || path.is_file() && !is_store(path) {
        return Err(Failure::unusable(format!(
            "{} is not a Carrack store, and only a STORE is followed by a DID: leave the DID out to \
             read a FILE (an at:// URI checks that it is of that account)",
            path.display()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

    fn select(path: &Path, selectors: &[&str]) -> Result<Selection, Failure> {
        let selectors: Vec<Selector> = selectors.iter().map(|text| text.parse().unwrap()).collect();
        Selection::of(path, false, DecompressionLimit::default(), &selectors)
    }

    fn refusal(path: &Path, selectors: &[&str]) -> String {
        let failure = select(path, selectors).unwrap_err();
        assert!(matches!(failure, Failure::Told { code: 2, .. }), "{failure:?}");
        failure.message().to_owned()
    }

    #[test]
    fn a_did_belongs_to_the_store_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, store) = (folder.path().join("a.car"), folder.path().join("a.redb"));
        std::fs::write(&file, b"\x3aa CAR").unwrap();
        std::fs::write(&store, b"redb and so on").unwrap();
        let uri = format!("at://{DID}/com.example.note/1");

        let found = select(&file, &["com.example.note/1"]).unwrap().record().unwrap();
        assert!(matches!(found.0, Place::File(RepositoryFile { did: None, .. })), "{found:?}");
        let found = select(&file, &[&uri]).unwrap().record().unwrap();
        assert!(matches!(found.0, Place::File(RepositoryFile { did: Some(_), .. })), "{found:?}");
        for selectors in [&[DID, "com.example.note/1"][..], &[&uri], &[DID, &uri]] {
            let found = select(&store, selectors).unwrap().record().unwrap();
            assert!(matches!(found.0, Place::Account(_)), "{found:?}");
            assert_eq!(found.1.as_str(), "com.example.note/1");
        }
        assert!(refusal(&store, &["com.example.note/1"]).contains("name the account"));
        assert!(refusal(&file, &[DID, "com.example.note/1"]).contains("leave the DID out"));
        assert!(refusal(Path::new("-"), &[DID]).contains("leave the DID out"));
        for first in [DID, &uri] {
            assert!(refusal(Path::new(first), &[]).contains("STORE before it"));
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let file = Path::new("not-there");
        let uri = format!("at://{DID}/com.example.note/1");
        assert!(refusal(file, &["did:web:b.example", &uri]).contains("another account"));
        assert!(refusal(file, &[&uri, "did:web:b.example"]).contains("another account"));
        assert!(refusal(file, &[DID, DID]).contains("one account"));
        assert!(refusal(file, &[&uri, "com.example.note/1"]).contains("one record"));
        let selection = || select(file, &[&uri]).unwrap();
        assert!(selection().collection(None).is_err() && selection().whole().is_err());
        let collection = format!("at://{DID}/com.example.note");
        let selection = || select(file, &[&collection]).unwrap();
        let (same, other) = ("com.example.note".parse().unwrap(), "com.example.a".parse().unwrap());
        assert_eq!(selection().collection(None).unwrap().1.as_ref(), Some(&same));
        assert_eq!(selection().collection(Some(&same)).unwrap().1.as_ref(), Some(&same));
        assert!(selection().collection(Some(&other)).is_err() && selection().record().is_err());
    }
}
