//! `PROGRAM JOB FILE [COMMITS] [--memory]`

use std::path::PathBuf;
use std::process::exit;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// From the file to every record touched, with the checks that the library makes.
    Verify,
    /// From the file to the library's own store, ready for reads.
    Import,
    /// From that store to a CAR in memory.
    Export,
    /// One new record a commit, each commit signed.
    Commit,
}

impl Job {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Import => "import",
            Self::Export => "export",
            Self::Commit => "commit",
        }
    }
}

/// What a program was asked to do.
pub struct Ask {
    pub job: Job,
    pub file: PathBuf,
    pub commits: u64,
    /// A store in memory, for a library that also has one on disk.
    pub memory: bool,
}

impl Ask {
    /// Reads the arguments; wrong ones end the program with a message and exit code 2.
    pub fn from_args() -> Self {
        let (flags, words): (Vec<String>, Vec<String>) =
            std::env::args().skip(1).partition(|word| word.starts_with("--"));
        let asked = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["verify", file] => Some((Job::Verify, file, 0)),
            ["import", file] => Some((Job::Import, file, 0)),
            ["export", file] => Some((Job::Export, file, 0)),
            ["commit", file, n] => n.parse().ok().map(|commits| (Job::Commit, file, commits)),
            _ => None,
        };
        let Some((job, file, commits)) = asked else {
            eprintln!("usage: verify FILE | import FILE | export FILE | commit FILE COMMITS");
            exit(2);
        };
        let memory = flags.iter().any(|flag| flag == "--memory");
        Self { job, file: file.into(), commits, memory }
    }
}
