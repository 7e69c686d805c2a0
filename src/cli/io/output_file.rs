use crate::cli::failure::Failure;
use crate::cli::io::input::is_standard;
use crate::cli::io::output::Output;
use carrack::parts::files::PartFile;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

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
        // A pipe or a device is written to: a file in its place would be of no use.
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
    let failed = |error| failed(&path, &error);
    let part = PartFile::public(&path).map_err(failed)?;
    let written = into_file(&path, part.file(), write)?;
    part.replace(&path).map_err(failed)?;
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
