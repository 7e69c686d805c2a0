//! Verifies the CAR file of a repository, offline, and prints what it holds.
//!
//! ```text
//! cargo run --bin verify_file -- repo.car did:plc:… did:key:…
//! ```
//!
//! The key is the `#atproto` key of the account's DID document. Without arguments the program makes a
//! small repository, exports it to a temporary file and verifies that.

use carrack::Engine;
use carrack::engine::{Op, WriteOptions};
use carrack::env::{SystemClock, SystemRandom};
use carrack::ident::Did;
use carrack::key::{Curve, SigningKey, VerifyingKey};
use carrack::tree::RecordWant;
use carrack::verify::{ExpectedHead, Input, Sink, verify};
use carrack_examples::{Failure, SAMPLE_DID, exit, note};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    exit(run())
}

fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => check_sample(),
        [file, did, key] => {
            check(Path::new(file), &did.parse()?, &VerifyingKey::from_did_key(key)?)
        }
        _ => Err("usage: verify_file [FILE DID DID:KEY]".into()),
    }
}

/// Counts the records of each collection while the verification passes them.
#[derive(Default)]
struct Collections(BTreeMap<String, u64>);

impl Sink for Collections {
    /// The paths are enough here, so the verification need not hand over the records. It hashes them
    /// all the same.
    fn needs_records(&self) -> bool {
        false
    }

    fn entry(&mut self, entry: &RecordWant) -> carrack::Result<()> {
        // A path is `collection/record-key`. A path of another form is reported as a problem.
        let path = entry.key.to_string();
        let collection = path.split('/').next().unwrap_or_default();
        *self.0.entry(collection.to_owned()).or_default() += 1;
        Ok(())
    }
}

fn check(file: &Path, did: &Did, key: &VerifyingKey) -> Result<(), Failure> {
    // Without an expected account and key the structure alone is checked: such a file proves nothing
    // about who wrote it.
    let expect = ExpectedHead::signed_by([key.clone()]).did(did.clone());
    let mut collections = Collections::default();
    // An error here means that the file cannot be read. What is wrong with its content is in the
    // report.
    let report = verify(&Input::open(file)?, &expect, &SystemClock, &mut collections)?;

    for problem in report.problems.listed() {
        println!("problem: {problem}");
    }
    if report.problems.omitted() > 0 {
        println!("and {} further problems", report.problems.omitted());
    }
    for warning in report.warnings.listed() {
        println!("warning: {warning}");
    }
    if !report.is_valid() {
        return Err(format!("{} is not a valid repository of {did}", file.display()).into());
    }

    // A valid report has all of these; the report of a damaged file has those that could be read.
    println!("account   {did}");
    if let (Some(rev), Some(commit)) = (report.rev, &report.commit) {
        println!("head      {commit}, revision {rev}");
    }
    if let (Some(records), Some(nodes)) = (report.records, report.nodes) {
        println!("tree      {records} records under {nodes} nodes");
    }
    for (collection, records) in &collections.0 {
        println!("          {records:>8} {collection}");
    }
    Ok(())
}

fn check_sample() -> Result<(), Failure> {
    let engine = Engine::in_memory()?;
    let key = SigningKey::generate(Curve::K256, &SystemRandom)?;
    let did: Did = SAMPLE_DID.parse()?;
    engine.create_account(&did, &key)?;
    let mut ops = Vec::new();
    for number in 0..20 {
        ops.push(Op::create(format!("com.example.note/{number:04}").parse()?, note("ahoy")?));
    }
    ops.push(Op::create("com.example.profile/self".parse()?, note("a profile")?));
    engine.write(&did, ops, &WriteOptions::default(), &key)?;

    let mut file = tempfile::NamedTempFile::new()?;
    engine.export(&did, &mut file)?;
    file.flush()?;
    check(file.path(), &did, &key.verifying_key())?;

    // The same file under another key: the signature has to fail.
    let other = SigningKey::generate(Curve::K256, &SystemRandom)?.verifying_key();
    let expect = ExpectedHead::signed_by([other]).did(did);
    let mut ignored = Collections::default();
    let report = verify(&Input::open(file.path())?, &expect, &SystemClock, &mut ignored)?;
    if report.is_valid() {
        return Err("a signature verified under a key that did not make it".into());
    }
    println!("the same file is refused under another key");
    Ok(())
}
