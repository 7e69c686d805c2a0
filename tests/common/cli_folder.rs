//! A folder in which the command is run, with a sample account's files.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use super::command;
use super::sample::sample;
use flate2::Compression;
use flate2::read::GzEncoder;
use serde_json::{Value, json};
use std::io::Read;
use std::path::PathBuf;
use std::process::Output;

pub struct Folder(tempfile::TempDir);

impl Folder {
    /// With the sample account's archive and log, and a key.
    pub fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let sample = sample();
        folder.write("a.car", &sample.car);
        folder.write("log.json", sample.log.as_bytes());
        folder.yes(&["key", "new", "a.key"]);
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub fn run(&self, args: &[&str], input: &[u8]) -> Output {
        command::run(self.0.path(), args, input)
    }

    /// What a command prints that ends with this exit code, and what it says.
    #[track_caller]
    pub fn ends(&self, code: i32, args: &[&str]) -> (String, String) {
        let out = self.run(args, b"");
        let said = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
        assert!(!said.contains("bug in Carrack"), "{args:?}: {said}");
        (String::from_utf8(out.stdout).unwrap(), said)
    }

    #[track_caller]
    pub fn yes(&self, args: &[&str]) -> String {
        self.ends(0, args).0
    }

    #[track_caller]
    pub fn json(&self, code: i32, args: &[&str]) -> Value {
        serde_json::from_str(&self.ends(code, args).0).unwrap()
    }

    /// A store of its own with commits, whose frames are in `frames` and, one after another, in
    /// `all.bin`.
    pub fn with_frames(&self, did: &str) -> Vec<String> {
        self.yes(&["create", "own.redb", did, "--key-file", "a.key"]);
        let lines: Vec<String> = (1..4)
            .map(|n| {
                let path = format!("com.example.a/{n}");
                let op = json!({"action": "create", "path": path, "record": {"n": n}});
                format!("{}\n", json!({"ops": [op]}))
            })
            .collect();
        let args = ["write", "own.redb", did, "--key-file", "a.key"];
        assert_eq!(self.run(&args, lines.concat().as_bytes()).status.code(), Some(0));
        self.yes(&["events", "own.redb", "--frames", "frames"]);
        let mut names: Vec<String> = std::fs::read_dir(self.path("frames"))
            .unwrap()
            .map(|entry| format!("frames/{}", entry.unwrap().file_name().to_str().unwrap()))
            .collect();
        names.sort();
        let all: Vec<u8> = names.iter().flat_map(|name| self.read(name)).collect();
        self.write("all.bin", &all);
        names
    }

    pub fn key_of(&self, store: &str, did: &str) -> String {
        self.json(0, &["status", store, did, "--json"])["key"].as_str().unwrap().to_owned()
    }
}

/// The bytes in the format gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzEncoder::new(bytes, Compression::default()).read_to_end(&mut packed).unwrap();
    packed
}
