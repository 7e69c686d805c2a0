use crate::cli::answer::Output;
use crate::cli::failure::Failure;
use crate::cli::io::input::is_standard;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes an output whole or not at all: `write` gets the standard output, or a file beside the
/// named one that takes its name when everything is on disk.
pub(in crate::cli) fn write_to<T>(
    path: Option<&Path>,
    write: impl FnOnce(&mut dyn Write) -> carrack::Result<T>,
) -> Result<T, Failure> {
    match path.filter(|path| !is_standard(path)) {
        None => {
            let mut output = Output::binary()?;
            let written = write(&mut output)?;
            output.flush()?;
            Ok(written)
        }
        // A pipe or a device is written to: a file in its place is not what anybody wants.
        Some(path) if path.exists() && !path.is_file() => {
            let file = File::options().write(true).open(path);
            let file = file.map_err(|error| failed(path, &error))?;
            into_file(path, &file, write)
        }
        Some(path) => into_new(path, write),
    }
}

fn into_new<T>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> carrack::Result<T>,
) -> Result<T, Failure> {
    // Through a link, what it points at is replaced.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let part = part_of(&path);
    let file = File::create(&part).map_err(|error| failed(&part, &error))?;
    let finished = into_file(&part, &file, write).and_then(|written| {
        file.sync_all().map_err(|error| failed(&part, &error))?;
        std::fs::rename(&part, &path).map_err(|error| failed(&path, &error))?;
        sync_folder(&path).map_err(|error| failed(&path, &error))?;
        Ok(written)
    });
    if finished.is_err() {
        // It may have its final name already; half of it is left in no case.
        let _ = std::fs::remove_file(&part);
    }
    finished
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

fn part_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".part");
    PathBuf::from(name)
}

/// A file whose folder entry is lost is lost.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
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
}
