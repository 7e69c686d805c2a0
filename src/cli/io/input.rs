use crate::cli::failure::Failure;
use crate::cli::io::decompress::{Damage, decompressed, is_compressed};
use carrack::verify::Input;
use carrack::{Code, Error, Problem};
use clap::Args;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What compressed input may grow to unless more is allowed: larger than nearly all repositories,
/// and small enough for the folder of temporary files.
pub(in crate::cli) const DECOMPRESSED_BYTES_MAX: u64 = 4 << 30;

/// How far input is decompressed.
#[derive(Clone, Copy, Debug, Args)]
pub(in crate::cli) struct DecompressionLimit {
    /// Decompress at most N bytes of a FILE that is compressed with gzip or zstd
    #[arg(long, value_name = "N", default_value_t = DECOMPRESSED_BYTES_MAX)]
    max_bytes: u64,
}

impl Default for DecompressionLimit {
    fn default() -> Self {
        Self { max_bytes: DECOMPRESSED_BYTES_MAX }
    }
}

/// Whether a name stands for the standard input or output.
pub(in crate::cli) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Opens a CAR for reading at any place. What is compressed, or comes from `-`, is copied to a
/// temporary file first.
pub(in crate::cli) fn open(path: &Path, limit: DecompressionLimit) -> Result<Input, Failure> {
    if is_plain_file(path)? {
        return Ok(Input::open(path)?);
    }
    let reader = stream(path, limit)?;
    Input::spill(reader, &name(path)).map_err(|error| match error {
        Error::Io { source, .. } if Damage::of(&source).is_some() => {
            failed(path, Code::NotACar, &source)
        }
        error => error.into(),
    })
}

/// Reads a CAR, or `-`, into memory, decompressed, but hardly more than `bytes_max` of it: the
/// parser finds it too long.
pub(in crate::cli) fn read(
    path: &Path,
    bytes_max: u64,
    limit: DecompressionLimit,
) -> Result<Vec<u8>, Failure> {
    read_within(Code::NotACar, path, bytes_max, limit)
}

/// The same of another kind of file; `code` stands for data that cannot be decompressed.
pub(in crate::cli) fn read_as(code: Code, path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    read_within(code, path, bytes_max, DecompressionLimit { max_bytes: u64::MAX })
}

fn read_within(
    code: Code,
    path: &Path,
    bytes_max: u64,
    limit: DecompressionLimit,
) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let reader = stream(path, limit)?;
    let read = reader.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| failed(path, code, &error))?;
    Ok(bytes)
}

/// Reads a file, or `-`, from its beginning to its end, decompressed. [`failed`] says what its errors
/// mean.
pub(in crate::cli) fn stream(
    path: &Path,
    limit: DecompressionLimit,
) -> Result<Box<dyn Read>, Failure> {
    let opened = if is_standard(path) {
        decompressed(std::io::stdin().lock(), limit.max_bytes)
    } else {
        File::open(path).and_then(|file| decompressed(file, limit.max_bytes))
    };
    opened.map_err(|error| failed(path, Code::NotACar, &error))
}

/// Why a file was not read: it is not there, or it is damaged, for which `code` stands.
pub(in crate::cli) fn failed(path: &Path, code: Code, error: &std::io::Error) -> Failure {
    let Some(damage) = Damage::of(error) else {
        return Failure::io(format_args!("reading {}", name(path)), error);
    };
    let code = match damage {
        Damage::Cut(_) => Code::Truncated,
        Damage::TooLong(_) => Code::TooLarge,
        Damage::Broken(..) => code,
    };
    let problem = Problem::new(code, damage.to_string());
    Failure::from(problem).preceded_by(format_args!("{}: ", name(path)))
}

/// Whether it is a regular file that is not compressed, which can be read at any place.
fn is_plain_file(path: &Path) -> Result<bool, Failure> {
    if is_standard(path) || std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Ok(false);
    }
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(4).read_to_end(&mut start));
    read.map_err(|error| Failure::io(format_args!("opening {}", path.display()), &error))?;
    Ok(!is_compressed(&start))
}

fn name(path: &Path) -> String {
    if is_standard(path) { "the standard input".to_owned() } else { path.display().to_string() }
}
