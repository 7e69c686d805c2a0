//! The interop vectors of identifier syntax: what the protocol calls valid is, and nothing else.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use carrack::ident::{Did, Nsid, RecordKey, RepoPath, Rev};
use std::fmt::{Debug, Display};
use std::path::PathBuf;
use std::str::FromStr;

/// The cases of a vector file; `None` without fixtures.
fn cases(file: &str) -> Option<Vec<String>> {
    let Some(root) = std::env::var_os("CARRACK_FIXTURES") else {
        eprintln!("skipped: CARRACK_FIXTURES is not set");
        return None;
    };
    let path = PathBuf::from(root).join("atproto-interop-tests/syntax").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let cases = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let cases: Vec<_> = cases.map(str::to_owned).collect();
    assert!(cases.len() >= 4, "{} has cases", path.display());
    Some(cases)
}

fn check<T: FromStr + Display + Debug>(name: &str) {
    for case in cases(&format!("{name}_syntax_valid.txt")).into_iter().flatten() {
        let Ok(parsed) = case.parse::<T>() else { panic!("{case:?} is a valid {name}") };
        assert_eq!(parsed.to_string(), case);
    }
    for case in cases(&format!("{name}_syntax_invalid.txt")).into_iter().flatten() {
        assert!(case.parse::<T>().is_err(), "{case:?} is not a valid {name}");
    }
}

#[test]
fn dids() {
    check::<Did>("did");
}

#[test]
fn nsids() {
    check::<Nsid>("nsid");
}

#[test]
fn record_keys() {
    check::<RecordKey>("recordkey");
}

#[test]
fn revisions() {
    check::<Rev>("tid");
}

#[test]
fn a_path_is_right_where_both_of_its_halves_are() {
    let halves = |name: &str| {
        let valid = cases(&format!("{name}_syntax_valid.txt"))?.into_iter().map(|c| (c, true));
        let invalid = cases(&format!("{name}_syntax_invalid.txt"))?.into_iter().map(|c| (c, false));
        Some(valid.chain(invalid).collect::<Vec<_>>())
    };
    let (Some(nsids), Some(keys)) = (halves("nsid"), halves("recordkey")) else { return };
    for (nsid, nsid_valid) in &nsids {
        for (key, key_valid) in &keys {
            let text = format!("{nsid}/{key}");
            let valid = *nsid_valid && *key_valid;
            assert_eq!(RepoPath::check(text.as_bytes()).is_ok(), valid, "{text:?}");
            let Ok(path) = text.parse::<RepoPath>() else { continue };
            assert_eq!((path.collection(), path.record_key()), (&**nsid, &**key));
            let joined = RepoPath::new(&nsid.parse().unwrap(), &key.parse().unwrap());
            assert_eq!(joined, path);
        }
    }
}
