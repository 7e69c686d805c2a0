//! DID documents as they are found in the wild.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use carrack::ident::DidDocument;
use serde_json::Value;
use std::path::PathBuf;

fn fixture(path: &str) -> Option<Vec<u8>> {
    let Some(root) = std::env::var_os("CARRACK_FIXTURES") else {
        eprintln!("skipped: CARRACK_FIXTURES is not set");
        return None;
    };
    Some(std::fs::read(PathBuf::from(root).join(path)).unwrap())
}

fn indigo(name: &str) -> Option<DidDocument> {
    let json = fixture(&format!("indigo/atproto/identity/testdata/{name}"))?;
    Some(DidDocument::parse(&json).unwrap())
}

#[test]
fn old_and_new_form_say_the_same() {
    let (Some(new), Some(old)) = (indigo("did_plc_doc.json"), indigo("did_plc_doc_legacy.json"))
    else {
        return;
    };
    assert_eq!(new, old);
    assert_eq!(new.did.as_str(), "did:plc:ewvi7nxzyoun6zhxrhs64oiz");
    assert_eq!(
        new.signing_key.unwrap().to_multikey(),
        "zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF"
    );
    assert_eq!(new.pds.unwrap(), "https://bsky.social");
    assert_eq!(new.handles, ["atproto.com"]);
}

#[test]
fn a_document_without_an_account_has_none() {
    let Some(document) = indigo("did_web_doc.json") else { return };
    assert_eq!(document.did.as_str(), "did:web:discover.bsky.social");
    assert_eq!((document.signing_key, document.pds), (None, None));
    assert!(document.handles.is_empty());
}

#[test]
fn a_key_of_the_old_form_is_the_one_that_signed_the_repository() {
    let Some(json) = fixture("indigo/testing/testdata/paul_staging.didDoc.json") else { return };
    let document = DidDocument::parse(&json).unwrap();
    let expected: Value = serde_json::from_slice(&fixture("expected.json").unwrap()).unwrap();
    let repository = &expected["cars"]["indigo/testing/testdata/paul_staging.repo.car"];
    assert_eq!(document.did.as_str(), repository["did"]);
    assert_eq!(document.signing_key.unwrap().to_did_key(), repository["signature"]["key"]);
}

#[test]
fn documents_of_the_network_have_keys_hosts_and_handles() {
    let Some(json) = fixture("firehose/did_docs.json") else { return };
    let documents: Value = serde_json::from_slice(&json).unwrap();
    for (did, json) in documents.as_object().unwrap() {
        let document = DidDocument::parse(json.to_string().as_bytes()).unwrap();
        assert_eq!(document.did.as_str(), did);
        let key = document.signing_key.unwrap().to_multikey();
        assert_eq!(key, json["verificationMethod"][0]["publicKeyMultibase"]);
        assert_eq!(document.pds.unwrap(), json["service"][0]["serviceEndpoint"]);
        assert_eq!(format!("at://{}", document.handles[0]), json["alsoKnownAs"][0]);
    }
}
