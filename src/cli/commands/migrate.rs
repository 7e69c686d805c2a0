use crate::cli::answer::Answer;
use crate::cli::environment::random;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::io::progress::Bar;
use crate::cli::io::stderr::{note, tell};
use crate::cli::keys::read_key;
use crate::cli::store::{self, StoreLocation};
use crate::cli::text::{bytes, count, per_second, things};
use carrack::engine::State;
use carrack::ident::Did;
use carrack::key::{Curve, SigningKey, key_file};
use carrack::migrate::{MigrateOptions, Migrated, abort, migrate};
use carrack::{Engine, Error, Progress};
use clap::Args;
use serde::Serialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct MigrateArgs {
    /// The store that the account leaves
    #[arg(value_name = "SRC")]
    source: PathBuf,
    /// The store that the account moves to
    #[arg(value_name = "DST")]
    destination: PathBuf,
    /// The account
    did: Did,
    /// The account's key at the destination; by default a new one in a file beside DST
    #[arg(long, value_name = "NEWKEY")]
    key_file: Option<PathBuf>,
    /// Abort a move that has not ended: the source takes writes again
    #[arg(long, conflicts_with = "key_file")]
    abort: bool,
    /// Do not upgrade a store of an older format; no account can be moved out of it or into it
    #[arg(long)]
    no_upgrade: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

pub(in crate::cli) fn run(args: &MigrateArgs) -> Result<Answer, Failure> {
    let same = |path: &Path| std::fs::canonicalize(path).ok();
    if same(&args.source).is_some() && same(&args.source) == same(&args.destination) {
        return Err(Failure::unusable("SRC and DST are the same store"));
    }
    let source = store::existing(StoreLocation::of(&args.source, args.no_upgrade))?;
    // Before the destination: a missing account must not create a store.
    let size = source.status(&args.did)?.bytes;
    if args.abort {
        return give_up(args, &source);
    }
    // Before the destination: a bad key must not create a store.
    let given = args.key_file.as_deref().map(read_key).transpose()?;
    let destination =
        store::existing_or_new(StoreLocation::of(&args.destination, args.no_upgrade))?;
    let (path, key, is_new) = match (&args.key_file, given) {
        (Some(path), Some(key)) => (path.clone(), key, false),
        _ => kept_key(args)?,
    };
    let to = std::fs::canonicalize(&args.destination).unwrap_or_else(|_| args.destination.clone());
    let bar = Bar::bytes("moving", size);
    let progress = |bytes| bar.set(bytes);
    let name = to.display().to_string();
    let options = MigrateOptions::new(&name, &key).progress(Progress::to(&progress));
    let migrated = migrate(&source, &destination, &args.did, &options).inspect_err(|_| {
        if is_new && is_unused(&source, &destination, &args.did) {
            // Where it cannot be removed it is of no use, and does no harm.
            let _ = std::fs::remove_file(&path);
        }
    })?;
    drop(bar);
    tell_key(&destination, &args.did, &path, &key)?;
    if args.json {
        Output::new().json(&migrated)?;
    } else {
        print(&migrated)?;
    }
    Ok(Answer::Yes)
}

fn give_up(args: &MigrateArgs, source: &Engine) -> Result<Answer, Failure> {
    let destination = store::existing(StoreLocation::of(&args.destination, args.no_upgrade))?;
    abort(source, &destination, &args.did)?;
    let mut output = Output::new();
    let state = source.status(&args.did)?.state;
    if args.json {
        output.json(&AbortedObject { did: &args.did, state: &state })?;
    } else {
        output.line(format_args!("the move is given up: {} is {state} at the source", args.did))?;
        output.flush()?;
    }
    Ok(Answer::Yes)
}

/// The key for the destination, if none is given. Its file has a name that depends on store and
/// account only, so that a move that is run again after a crash finds it.
fn kept_key(args: &MigrateArgs) -> Result<(PathBuf, SigningKey, bool), Failure> {
    let path = key_path(&args.destination, &args.did);
    let is_new = !path.exists();
    if is_new {
        let key = SigningKey::generate(Curve::K256, &*random())?;
        key_file::write_new(&path, &key)?;
    }
    let key = key_file::read(&path)?;
    Ok((path, key, is_new))
}

/// Whether a move that failed has left nothing that needs the key: it never began.
fn is_unused(source: &Engine, destination: &Engine, did: &Did) -> bool {
    let never_arrived = matches!(destination.status(did), Err(Error::NotFound(_)));
    let is_under_way = |state: &State| matches!(state, State::Leaving { .. } | State::Moved { .. });
    never_arrived && source.status(did).is_ok_and(|status| !is_under_way(&status.state))
}

fn key_path(store: &Path, did: &Did) -> PathBuf {
    let mut name = OsString::from(store);
    name.push(format!(".{}.key", did.as_str().replace(':', "_")));
    PathBuf::from(name)
}

fn tell_key(destination: &Engine, did: &Did, path: &Path, key: &SigningKey) -> Result<(), Failure> {
    let ours = key.verifying_key().to_did_key();
    match destination.status(did)?.key {
        Some(signed) if signed != ours => {
            tell(format_args!(
                "the account signs with {signed}, which an earlier run gave it; {} is not its key",
                path.display()
            ));
        }
        _ => note(format_args!("the account signs with {ours} now, key file {}", path.display())),
    }
    Ok(())
}

#[derive(Serialize)]
struct AbortedObject<'a> {
    did: &'a Did,
    state: &'a State,
}

fn print(migrated: &Migrated) -> Result<(), Failure> {
    let mut output = Output::new();
    output.line(format_args!(
        "moved {}, {} in {:.2} s ({} records/s)",
        things(migrated.records, "record"),
        bytes(migrated.bytes),
        migrated.seconds,
        count(per_second(migrated.records, migrated.seconds))
    ))?;
    output.field("account", &migrated.did)?;
    output.field("data", &migrated.data)?;
    output.field("revision", format_args!("{} -> {}", migrated.source_rev, migrated.rev))?;
    let missing = count(migrated.blobs_missing);
    output.field("blobs", format_args!("{} needed, {missing} missing", count(migrated.blobs)))?;
    output.field("no writes for", format_args!("{:.2} s", migrated.fence_seconds))?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_named_after_store_and_account() {
        let path = key_path(Path::new("x/b.redb"), &"did:web:a.example".parse().unwrap());
        assert_eq!(path, Path::new("x/b.redb.did_web_a.example.key"));
    }
}
