//! What tests are held against and is not made here: the tables of `tests/vectors/`, and the files of
//! others that are too large for this repository.

use serde_json::Value;
use std::path::{Path, PathBuf};

/// The folder of the files of others. A test that needs it is ignored, so that it does not pass
/// where the folder is missing.
pub fn fixtures() -> PathBuf {
    let Some(folder) = std::env::var_os("CARRACK_FIXTURES") else {
        panic!("CARRACK_FIXTURES is not set: it names the folder of test material")
    };
    PathBuf::from(folder)
}

pub fn json_of(path: impl AsRef<Path>) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The rows of a table of `tests/vectors/`, each with its columns.
pub fn table(name: &str) -> Vec<Vec<&'static str>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    // As long as the process runs: it is read by one test.
    let text: &str = std::fs::read_to_string(folder.join(format!("{name}.tsv"))).unwrap().leak();
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split('\t').collect()).collect();
    assert!(rows.len() >= 6, "{name} has {} rows", rows.len());
    rows
}

/// A text that is written as a JSON string.
pub fn unquoted(text: &str) -> String {
    serde_json::from_str(text).unwrap()
}
