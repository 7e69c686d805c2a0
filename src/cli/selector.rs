//! What follows FILE or STORE: an account, a URI, or a path.

use carrack::ident::{Did, Nsid, RepoPath};
use std::str::FromStr;

/// The beginning of a URI.
const SCHEME: &str = "at://";

/// An argument that selects something in a FILE or STORE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Selector {
    /// `did:…`: the account in the STORE before it.
    Account(Did),
    /// `at://DID`, `at://DID/collection` or `at://DID/collection/record-key`.
    Uri(AtUri),
    /// `collection/record-key`.
    Path(RepoPath),
}

/// A URI whose account is named by its DID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct AtUri {
    pub(in crate::cli) did: Did,
    pub(in crate::cli) within: Option<Within>,
}

/// What a URI selects in its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Within {
    Collection(Nsid),
    Record(RepoPath),
}

impl Selector {
    /// Whether an argument belongs to the STORE or FILE before it, and is not the next one.
    pub(in crate::cli) fn begins(text: &str) -> bool {
        text.starts_with("did:") || text.starts_with(SCHEME)
    }
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix(SCHEME) {
            return parse_uri(rest).map(Self::Uri);
        }
        if text.starts_with("did:") {
            return text.parse().map(Self::Account).map_err(|error| format!("{error}"));
        }
        text.parse()
            .map(Self::Path)
            .map_err(|error| format!("{error} (an account begins with did:, a URI with {SCHEME})"))
    }
}

/// PATH, or a URI that names a record and its account.
#[derive(Clone, Debug)]
pub(in crate::cli) struct RecordName {
    pub(in crate::cli) did: Option<Did>,
    pub(in crate::cli) path: RepoPath,
}

impl FromStr for RecordName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse()? {
            Selector::Path(path) => Ok(Self { did: None, path }),
            Selector::Uri(AtUri { did, within: Some(Within::Record(path)) }) => {
                Ok(Self { did: Some(did), path })
            }
            _ => Err("this names no record (collection/record-key)".to_owned()),
        }
    }
}

fn parse_uri(rest: &str) -> Result<AtUri, String> {
    if rest.contains(['#', '?']) {
        return Err("a URI with a query or a fragment does not name a whole record".to_owned());
    }
    let (account, within) = match rest.split_once('/') {
        None => (rest, None),
        Some((account, within)) => (account, Some(within)),
    };
    if !account.starts_with("did:") {
        return Err(format!(
            "the account {account:?} is not a DID: handles are not resolved here, so write \
             {SCHEME}did:…"
        ));
    }
    let did = account.parse().map_err(|error| format!("{error}"))?;
    let within = within.map(parse_within).transpose()?;
    Ok(AtUri { did, within })
}

fn parse_within(text: &str) -> Result<Within, String> {
    let parsed = if text.contains('/') {
        text.parse().map(Within::Record)
    } else {
        text.parse().map(Within::Collection)
    };
    parsed.map_err(|error| format!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

    fn parse(text: &str) -> Result<Selector, String> {
        text.parse()
    }

    #[test]
    fn the_beginning_tells_what_it_is() {
        let did: Did = DID.parse().unwrap();
        let uri = |within| Ok(Selector::Uri(AtUri { did: did.clone(), within }));
        let record = || "com.example.note/1".parse::<RepoPath>().unwrap();
        assert_eq!(parse(DID), Ok(Selector::Account(did.clone())));
        assert_eq!(parse("com.example.note/1"), Ok(Selector::Path(record())));
        assert_eq!(parse(&format!("at://{DID}")), uri(None));
        let collection = Within::Collection("com.example.note".parse().unwrap());
        assert_eq!(parse(&format!("at://{DID}/com.example.note")), uri(Some(collection)));
        let record = Within::Record(record());
        assert_eq!(parse(&format!("at://{DID}/com.example.note/1")), uri(Some(record)));
    }

    #[test]
    fn what_is_neither_is_refused_with_a_reason() {
        for (text, reason) in [
            ("at://alice.example/com.example.note/1", "handles are not resolved"),
            ("at://", "handles are not resolved"),
            ("at://did:plc:abc/", "NSID"),
            ("at://did:plc:abc/com.example.note/", "path"),
            ("at://did:plc:abc/com.example.note/1/2", "path"),
            ("at://did:plc:abc/com.example.note/1#/text", "fragment"),
            ("at://did:plc:abc?x", "query"),
            ("did:", "DID"),
            ("note", "begins with did:"),
            ("", "begins with did:"),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }
}
