use crate::cli::environment::engine_options;
use crate::cli::failure::Failure;
use crate::cli::io::input::is_standard;
use crate::cli::io::stderr::{note, tell};
use carrack::Error;
use carrack::engine::{Engine, Options};
use carrack::parts::files::FileKind;
use clap::Args;
use std::io::Read;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// How much of a file is looked at that is no store.
const LOOKED_AT_BYTES: u64 = 8 * 1024;

/// The store of a command.
#[derive(Debug, Args)]
pub(in crate::cli) struct StoreArgs {
    /// The store
    store: PathBuf,
    /// Do not upgrade a store of an older format: it can be read then, and not written
    #[arg(long)]
    no_upgrade: bool,
}

impl StoreArgs {
    pub(in crate::cli) fn path(&self) -> &Path {
        &self.store
    }
}

/// Where a store is, and whether it may be upgraded.
#[derive(Clone, Copy)]
pub(in crate::cli) struct StoreLocation<'a> {
    path: &'a Path,
    upgrade: bool,
}

impl<'a> StoreLocation<'a> {
    pub(in crate::cli) fn of(path: &'a Path, no_upgrade: bool) -> Self {
        Self { path, upgrade: !no_upgrade }
    }
}

impl<'a> From<&'a StoreArgs> for StoreLocation<'a> {
    fn from(args: &'a StoreArgs) -> Self {
        Self::of(&args.store, args.no_upgrade)
    }
}

impl<'a> From<&'a Path> for StoreLocation<'a> {
    fn from(path: &'a Path) -> Self {
        Self::of(path, false)
    }
}

impl<'a> From<&'a PathBuf> for StoreLocation<'a> {
    fn from(path: &'a PathBuf) -> Self {
        Self::of(path, false)
    }
}

/// Opens an existing store to read it: no byte of its file is changed.
pub(in crate::cli) fn reading<'a>(place: impl Into<StoreLocation<'a>>) -> Result<Engine, Failure> {
    open_with(place.into().path, &engine_options().read_only(true))
}

/// Opens an existing store to write to it.
pub(in crate::cli) fn existing<'a>(place: impl Into<StoreLocation<'a>>) -> Result<Engine, Failure> {
    open(place.into(), false)
}

/// Opens an existing store, with a page cache of this size in bytes.
pub(in crate::cli) fn existing_with_cache(path: &Path, bytes: usize) -> Result<Engine, Failure> {
    open_with(path, &engine_options().create(false).cache_bytes(bytes))
}

/// Opens a store, or creates it.
pub(in crate::cli) fn existing_or_new<'a>(
    place: impl Into<StoreLocation<'a>>,
) -> Result<OpenedStore, Failure> {
    Ok(OpenedStore(open(place.into(), true)?))
}

/// A store that may have been created by this command, which removes it again at the end if
/// nothing was stored in it: what is refused leaves no store.
pub(in crate::cli) struct OpenedStore(Engine);

impl Deref for OpenedStore {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.0
    }
}

impl Drop for OpenedStore {
    fn drop(&mut self) {
        if let Err(error) = self.0.remove_if_unused() {
            tell(format_args!("warning: the store that was created is left: {error}"));
        }
    }
}

fn open(place: StoreLocation<'_>, create: bool) -> Result<Engine, Failure> {
    let StoreLocation { path, upgrade } = place;
    open_with(path, &engine_options().create(create).upgrade(upgrade))
}

fn open_with(path: &Path, options: &Options) -> Result<Engine, Failure> {
    check_name(path)?;
    let engine = Engine::open_with(path, options).map_err(|error| not_opened(path, error))?;
    if let Some(format) = engine.upgraded_from() {
        note(format_args!(
            "{} had format {format} and was upgraded: older versions of Carrack do not open it any \
             more",
            path.display()
        ));
    }
    Ok(engine)
}

/// Refuses `-`, which would name the standard input or output.
pub(in crate::cli) fn check_name(path: &Path) -> Result<(), Failure> {
    if is_standard(path) {
        return Err(Failure::unusable("a store is a file, and not `-` (write ./- for that name)"));
    }
    Ok(())
}

pub(in crate::cli) fn not_opened(path: &Path, error: Error) -> Failure {
    let name = path.display();
    match error {
        Error::Io { source, .. } => Failure::unusable(format!("opening {name}: {source}")),
        Error::InUse => Failure::unusable(format!(
            "{name} is open in another process; wait until that one has closed it, or stop it (a \
             store that is being written is read by its own process; others can read a backup)"
        )),
        Error::Store(error) => no_store(path, &error),
        Error::Corrupt(_) => damaged(path),
        Error::Reopen(why) => Failure::unusable(format!("opening {name}: {why}")),
        Error::Format(why) => no_store(path, &why),
        error => Failure::from(error),
    }
}

/// A file that is no store is called what it is.
fn no_store(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    let name = path.display();
    let mut start = Vec::new();
    // Opening a pipe could wait for ever.
    if path.is_file() {
        let file = std::fs::File::open(path);
        // What cannot be read has no other name.
        let _ = file.and_then(|file| file.take(LOOKED_AT_BYTES).read_to_end(&mut start));
    }
    let kind = FileKind::of(&start).filter(|kind| *kind != FileKind::Store);
    let Some(kind) = kind else {
        return Failure::unusable(format!("{name} is not a Carrack store: {why}"));
    };
    let remedy = match kind {
        FileKind::Car => "; `carrack import STORE FILE` stores it",
        FileKind::Compressed(_) => "; decompress it first: a store is changed in its place",
        _ => "",
    };
    Failure::unusable(format!("{name} is {kind}, not a Carrack store{remedy}"))
}

fn damaged(path: &Path) -> Failure {
    Failure::unusable(format!(
        "{} is damaged and cannot be opened; restore it from a backup",
        path.display()
    ))
}
