//! The texts of errors.

use super::*;
use crate::account::{Action, State};
use crate::ident::{Cid, Did, RevError, SyntaxError};
use crate::key::KeyError;
use std::io;

fn did() -> Did {
    "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap()
}

#[test]
fn the_texts_tell_the_values() {
    let path: crate::ident::RepoPath = "com.example.note/1".parse().unwrap();
    let cid = Cid::from_digest(crate::ident::Codec::DagCbor, [0; 32]);
    let moved = Error::State {
        did: did(),
        state: State::Moved {
            to: "https://there.example".to_owned(),
            engine: "00000000000000000000000000000000".parse().unwrap(),
        },
        action: Action::Write,
    };
    for (error, text) in [
        (Error::NotFound(Entity::Account(did())), format!("account not found: {}", did())),
        (
            Error::Exists(Entity::Record(path.clone())),
            "record exists already: com.example.note/1".to_owned(),
        ),
        (
            Error::NotFound(Entity::Event { seq: 9, last: 7 }),
            "event not found: 9; the last one is 7".to_owned(),
        ),
        (
            Error::Swap {
                what: Compared::Record(path),
                expected: Some(Box::new(cid.clone())),
                found: None,
            },
            format!(
                "record com.example.note/1: expected {cid}, found none; read again and decide \
                 anew"
            ),
        ),
        (
            moved,
            format!("account {} is moved to https://there.example: it allows no writes", did()),
        ),
    ] {
        assert_eq!(error.to_string(), text);
    }
    let awaited = Error::RestoreUnconfirmed { last_seq: 3, last_rev: None };
    assert!(awaited.to_string().ends_with("sequence number 3, revision none)"), "{awaited}");
}

/// Commands print one or the other.
#[test]
fn an_error_of_a_lower_module_says_the_same_above() {
    let broken = || io::Error::from(io::ErrorKind::TimedOut);
    let keys = || {
        [
            KeyError::Syntax(SyntaxError::new("curve", "x", "the curves are k256 and p256")),
            KeyError::Unusable("not a key".to_owned()),
            KeyError::Io { doing: "signing".to_owned(), source: broken() },
            KeyError::Exists("a.key".into()),
        ]
    };
    for (below, above) in keys().into_iter().zip(keys()) {
        assert_eq!(below.to_string(), Error::from(above).to_string());
    }
    let rev = RevError::OutOfRange { micros: 1 << 53 };
    assert_eq!(rev.to_string(), Error::from(rev).to_string());
}

/// Every result carries the room for one.
#[test]
fn an_error_is_small() {
    assert!(size_of::<Error>() <= 80, "{} bytes", size_of::<Error>());
}
