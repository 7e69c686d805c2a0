use crate::cli::failure::Failure;
use carrack::verify::Input;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Whether a name stands for the standard input or output.
pub(in crate::cli) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Opens a file for reading at any place; `-` is copied to a temporary file first.
pub(in crate::cli) fn open(path: &Path) -> Result<Input, Failure> {
    if is_standard(path) {
        return Ok(Input::spill(std::io::stdin().lock(), "the standard input")?);
    }
    Ok(Input::open(path)?)
}

/// Reads a file, or `-`, into memory, but hardly more than `bytes_max` of it: the parser
/// finds it too long.
pub(in crate::cli) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let name = if is_standard(path) { Path::new("the standard input") } else { path };
    let failed = |error| Failure::io(format_args!("reading {}", name.display()), &error);
    let source: Box<dyn Read> = if is_standard(path) {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
    let mut bytes = Vec::new();
    source.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
