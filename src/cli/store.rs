use super::failure::Failure;
use carrack::Error;
use carrack::engine::{Engine, Options};
use std::io::ErrorKind;
use std::path::Path;

/// Opens a store that has to be there.
pub(super) fn existing(path: &Path) -> Result<Engine, Failure> {
    open(path, false)
}

/// Opens a store that has to be there, with so much memory for its pages.
pub(super) fn existing_with_cache(path: &Path, bytes: usize) -> Result<Engine, Failure> {
    open_with(path, &Options { create: false, cache_bytes: bytes, ..Options::default() })
}

/// Opens a store, or creates it.
pub(super) fn existing_or_new(path: &Path) -> Result<Engine, Failure> {
    open(path, true)
}

fn open(path: &Path, create: bool) -> Result<Engine, Failure> {
    open_with(path, &Options { create, ..Options::default() })
}

fn open_with(path: &Path, options: &Options) -> Result<Engine, Failure> {
    Engine::open_with(path, options).map_err(|error| not_opened(path, error))
}

pub(super) fn not_opened(path: &Path, error: Error) -> Failure {
    let name = path.display();
    match error {
        Error::Store(error) => match *error {
            redb::Error::Io(ref error) if error.kind() == ErrorKind::InvalidData => {
                Failure::unusable(format!("{name} is not a Carrack store, or is cut short"))
            }
            redb::Error::Io(error) => Failure::unusable(format!("opening {name}: {error}")),
            redb::Error::DatabaseAlreadyOpen => Failure::unusable(format!(
                "{name} is in use by another process; wait for it, or stop it"
            )),
            error => Failure::unusable(format!("{name} is not a Carrack store: {error}")),
        },
        Error::Corrupt(_) => damaged(path),
        Error::Reopen(why) => Failure::unusable(format!("opening {name}: {why}")),
        Error::Format(why) => Failure::unusable(format!("{name} is not a Carrack store: {why}")),
        error => Failure::from(error),
    }
}

fn damaged(path: &Path) -> Failure {
    Failure::unusable(format!(
        "{} is damaged and cannot be opened; restore it from a backup",
        path.display()
    ))
}
