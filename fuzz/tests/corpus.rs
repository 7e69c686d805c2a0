//! Every file of every corpus, without a fuzzer: seeds and what fuzzing has found.

use carrack_fuzz::TARGETS;
use std::path::Path;

#[test]
fn the_properties_hold_for_all_corpora() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, check) in TARGETS {
        let folder = corpus.join(target);
        let mut files: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 10, "{target} has {} files", files.len());
        let bytes: u64 = files.iter().map(|file| file.metadata().unwrap().len()).sum();
        assert!(
            files.len() <= 60 && bytes <= 300_000,
            "{target}: {} files, {bytes} bytes",
            files.len()
        );
        for file in &files {
            println!("{}", file.display());
            check(&std::fs::read(file).unwrap());
        }
        println!("{target}: {} files, {bytes} bytes", files.len());
    }
}
