//! The interop vectors of identifier syntax: what the protocol calls valid is, and nothing else.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::material::{table, unquoted};
use carrack::ident::{Did, Nsid, RecordKey, RepoPath, Rev};
use std::fmt::{Debug, Display};
use std::str::FromStr;

/// All that is written down of a kind, and whether it is valid.
fn cases(kind: &str) -> Vec<(String, bool)> {
    let mut cases = Vec::new();
    for row in table("syntax") {
        let [of, verdict, text] = row[..] else { panic!("{row:?}") };
        assert!(["valid", "invalid"].contains(&verdict), "{row:?}");
        cases.extend((of == kind).then(|| (unquoted(text), verdict == "valid")));
    }
    let valid = cases.iter().filter(|(_, valid)| *valid).count();
    assert!(valid >= 4 && cases.len() >= valid + 4, "{kind}: {valid} of {}", cases.len());
    cases
}

fn check<T: FromStr + Display + Debug>(kind: &str) {
    for (case, valid) in cases(kind) {
        match case.parse::<T>() {
            Ok(parsed) => {
                assert!(valid, "{case:?} is not a valid {kind}");
                assert_eq!(parsed.to_string(), case);
            }
            Err(_) => assert!(!valid, "{case:?} is a valid {kind}"),
        }
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
    let (nsids, keys) = (cases("nsid"), cases("recordkey"));
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
