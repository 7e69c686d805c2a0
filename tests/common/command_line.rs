//! The program, run in a folder of its own.

use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The account of most tests of the command line.
pub const ACCOUNT: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

/// A folder in which commands are run.
pub struct CommandLine {
    folder: tempfile::TempDir,
}

impl CommandLine {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With an account of two records in `a.redb`, and its key in `a.key`.
    pub fn with_account() -> Self {
        let here = Self::new();
        here.account("a");
        here
    }

    /// Creates an account of two records in the store `NAME.redb`, and its key in `NAME.key`.
    pub fn account(&self, name: &str) {
        let (store, key) = (format!("{name}.redb"), format!("{name}.key"));
        self.yes(&["key", "new", &key]);
        self.yes(&["create", &store, ACCOUNT, "--key-file", &key]);
        let line = r#"{"ops":[{"action":"create","path":"com.example.a/1","record":{"n":1}},{"action":"create","path":"com.example.b/1","record":{"n":2}}]}"#;
        let out = self.run_with(&["write", &store, ACCOUNT, "--key-file", &key], line.as_bytes());
        assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carrack"));
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[impl AsRef<OsStr>]) -> Output {
        self.command(args).output().unwrap()
    }

    pub fn run_with(&self, args: &[impl AsRef<OsStr>], input: &[u8]) -> Output {
        let mut command = self.command(args);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that is refused does not read all of it.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    /// Runs a line of the shell, in which `$0` is the program.
    pub fn shell(&self, line: &str) -> Output {
        let mut command = Command::new("sh");
        command.args(["-c", line, env!("CARGO_BIN_EXE_carrack")]);
        command.current_dir(self.folder.path()).stdin(Stdio::null()).output().unwrap()
    }

    #[track_caller]
    pub fn yes(&self, args: &[impl AsRef<OsStr> + std::fmt::Debug]) -> String {
        let out = self.run(args);
        assert_eq!(out.status.code(), Some(0), "{args:?}: {}", stderr(&out));
        String::from_utf8(out.stdout).unwrap()
    }

    /// What a refusal says.
    #[track_caller]
    pub fn no(&self, code: i32, args: &[impl AsRef<OsStr> + std::fmt::Debug]) -> String {
        let out = self.run(args);
        let said = stderr(&out);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains("error: "), "{args:?}: {said}");
        said
    }

    #[track_caller]
    pub fn json(&self, args: &[impl AsRef<OsStr> + std::fmt::Debug]) -> Value {
        serde_json::from_str(&self.yes(args)).unwrap()
    }

    /// All files by name, with their content.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.is_file() {
                    files.insert(path.clone(), std::fs::read(path).unwrap());
                }
            }
        }
        files
    }

    /// The names of all files and links in the folder.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub fn stderr(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}
