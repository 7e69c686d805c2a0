//! The one way to write a file: complete or absent, in place of an older output, never in place of
//! a store, a key file or the command's own input.

use crate::cli::failure::Failure;
use crate::cli::io::input::is_standard;
use crate::cli::io::known_file::refuse_protected;
use crate::cli::io::output::BinaryOutput;
use carrack::parts::files::{PartFile, folder_of, follow_links};
use std::fs::{File, Metadata};
use std::io::{BufWriter, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// The folder of what this process has open, as far as the system has one.
const DESCRIPTORS: &str = "/dev/fd";
/// As many symbolic links as systems follow.
const LINKS_MAX: usize = 40;

/// Where an output goes.
enum Place {
    /// The standard output.
    Standard,
    /// What is there is written to, as it is no file that could be replaced.
    Direct(PathBuf),
    /// A new file, in place of what is there.
    New(PathBuf),
}

/// Refuses an output that must not be written, before anything is done. `inputs` are the files
/// that the command reads.
pub(in crate::cli) fn check_output(path: Option<&Path>, inputs: &[&Path]) -> Result<(), Failure> {
    let Some(path) = path.filter(|path| !is_standard(path)) else { return Ok(()) };
    Place::of(path)?;
    match inputs.iter().find(|input| is_same(path, opened(input))) {
        None => Ok(()),
        Some(_) => Err(Failure::unusable(format!(
            "{} is what this command reads: choose another name for the output",
            path.display()
        ))),
    }
}

/// Whether an output goes to the standard output.
pub(in crate::cli) fn is_standard_output(path: Option<&Path>) -> bool {
    path.is_none_or(|path| matches!(Place::of(path), Ok(Place::Standard)))
}

/// Writes an output whole or not at all: `write` gets the standard output, or a file beside the
/// named one that takes its name when everything is on disk.
pub(in crate::cli) fn write_to<T>(
    path: Option<&Path>,
    write: impl FnOnce(&mut dyn Write) -> carrack::Result<T>,
) -> Result<T, Failure> {
    match path.map_or(Ok(Place::Standard), Place::of)? {
        Place::Standard => {
            let mut output = BinaryOutput::new()?;
            let written = write(&mut output)?;
            output.end()?;
            Ok(written)
        }
        Place::Direct(path) => into_file(&path, &open_direct(&path)?, write),
        Place::New(path) => into_new(&path, write),
    }
}

impl Place {
    fn of(path: &Path) -> Result<Self, Failure> {
        if is_standard(path) {
            return Ok(Self::Standard);
        }
        let metadata = match path.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Self::of_new(path),
            Err(error) => return Err(failed(path, &error)),
        };
        if metadata.is_dir() {
            return Err(folder(path));
        }
        refuse_protected_file(path, &metadata)?;
        match descriptor(path) {
            Some(name) if name == Path::new("1") => Ok(Self::Standard),
            Some(_) => Ok(Self::Direct(path.to_owned())),
            None if !metadata.is_file() => Ok(Self::Direct(path.to_owned())),
            None => Self::of_new(path),
        }
    }

    /// Through a link, what it points at is replaced or created.
    fn of_new(path: &Path) -> Result<Self, Failure> {
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(folder(path));
        }
        let target = follow_links(path).map_err(|error| failed(path, &error))?;
        if !folder_of(&target).is_dir() {
            let folder = folder_of(&target).display();
            return Err(Failure::unusable(format!("there is no folder {folder}")));
        }
        Ok(Self::New(target))
    }
}

fn refuse_protected_file(path: &Path, metadata: &Metadata) -> Result<(), Failure> {
    if metadata.is_file() { refuse_protected(path) } else { Ok(()) }
}

/// The name of what this process has open, if a path leads there: 1 of `/dev/stdout`.
fn descriptor(path: &Path) -> Option<PathBuf> {
    let descriptors = std::fs::canonicalize(DESCRIPTORS).ok()?;
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let folder = std::fs::canonicalize(folder_of(&path)).ok()?;
        if folder == descriptors {
            return path.file_name().map(PathBuf::from);
        }
        path = folder.join(std::fs::read_link(&path).ok()?);
    }
    None
}

/// Where an input is looked at.
fn opened(input: &Path) -> &Path {
    if is_standard(input) { Path::new("/dev/stdin") } else { input }
}

fn is_same(one: &Path, other: &Path) -> bool {
    let (Ok(first), Ok(second)) = (one.metadata(), other.metadata()) else { return false };
    if !first.is_file() || !second.is_file() {
        return false;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (first.dev(), first.ino()) == (second.dev(), second.ino())
    }
    #[cfg(not(unix))]
    {
        matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
    }
}

fn open_direct(path: &Path) -> Result<File, Failure> {
    // A file that the process has open may have been written to: behind that.
    let is_file = path.is_file();
    let file = File::options().write(true).append(is_file).open(path);
    let file = file.map_err(|error| failed(path, &error))?;
    if file.is_terminal() {
        let message = format!("the output is binary, and {} is a terminal", path.display());
        return Err(Failure::unusable(message));
    }
    Ok(file)
}

fn into_new<T>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> carrack::Result<T>,
) -> Result<T, Failure> {
    let failed = |error| failed(path, &error);
    let part = PartFile::public(path).map_err(failed)?;
    let written = into_file(path, part.file(), write)?;
    // Again: it may have become one while the output was written.
    refuse_protected(path)?;
    part.replace(path).map_err(failed)?;
    Ok(written)
}

fn into_file<T>(
    path: &Path,
    file: &File,
    write: impl FnOnce(&mut dyn Write) -> carrack::Result<T>,
) -> Result<T, Failure> {
    let mut output = BufWriter::with_capacity(256 * 1024, file);
    let written = write(&mut output)?;
    output.flush().map_err(|error| failed(path, &error))?;
    Ok(written)
}

fn folder(path: &Path) -> Failure {
    Failure::unusable(format!("{} is a folder: name a file in it", path.display()))
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::io(format_args!("writing {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_output_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.car");
        write_to(Some(&path), |output| {
            output.write_all(b"whole").unwrap();
            Ok(())
        })
        .unwrap();
        let failed = write_to(Some(&path), |output| {
            output.write_all(b"half").unwrap();
            Err::<(), _>(carrack::Error::Request("stop".to_owned()))
        });
        assert!(failed.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_store_that_appears_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.car");
        let refused = write_to(Some(&path), |_| {
            std::fs::write(&path, b"redb\x1a").unwrap();
            Ok(())
        });
        assert!(refused.unwrap_err().message().contains("is a store"));
        assert_eq!(std::fs::read(&path).unwrap(), b"redb\x1a");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
