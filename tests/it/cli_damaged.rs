//! Commands over damaged stores end with an exit code, whatever page is damaged.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use crate::common::cli_folder::Folder;

const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const PAGE: usize = 4096;

/// A page that the database needs for itself only, such as the list of freed pages, is read when it
/// closes; over a damaged one it panics while it panics, which would abort the process.
#[test]
fn no_damaged_page_aborts_a_command() {
    let folder = Folder::new();
    folder.with_frames(DID);
    let store = folder.read("own.redb");
    let whole = folder.yes(&["dump", "own.redb", DID]);
    let (mut answers, mut refusals) = (0, 0);
    for page in 0..store.len() / PAGE {
        let mut damaged = store.clone();
        damaged[page * PAGE + 4..page * PAGE + 12].fill(0);
        for args in
            [&["dump", "damaged.redb", DID][..], &["account", "deactivate", "damaged.redb", DID]]
        {
            folder.write("damaged.redb", &damaged);
            let out = folder.run(args, b"");
            assert!(matches!(out.status.code(), Some(0..=2)), "page {page}: {args:?}: {out:?}");
            if args[0] == "dump" && out.status.success() {
                assert_eq!(String::from_utf8(out.stdout).unwrap(), whole, "page {page}");
                answers += 1;
            } else if !out.status.success() {
                refusals += 1;
            }
        }
    }
    assert!(answers > 0 && refusals > 0, "{answers}, {refusals}");
}
