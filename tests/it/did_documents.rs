//! DID documents as they are found in the wild.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::material::{fixtures, json_of};
use carrack::identity::DidDocument;

fn indigo(name: &str) -> DidDocument {
    let path = fixtures().join("indigo/atproto/identity/testdata").join(name);
    DidDocument::parse(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn old_and_new_form_say_the_same() {
    let (new, old) = (indigo("did_plc_doc.json"), indigo("did_plc_doc_legacy.json"));
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
#[ignore = "needs CARRACK_FIXTURES"]
fn a_document_without_an_account_has_none() {
    let document = indigo("did_web_doc.json");
    assert_eq!(document.did.as_str(), "did:web:discover.bsky.social");
    assert_eq!((document.signing_key, document.pds), (None, None));
    assert!(document.handles.is_empty());
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn a_key_of_the_old_form_is_the_one_that_signed_the_repository() {
    let json = fixtures().join("indigo/testing/testdata/paul_staging.didDoc.json");
    let document = DidDocument::parse(&std::fs::read(json).unwrap()).unwrap();
    let expected = json_of(fixtures().join("expected.json"));
    let repository = &expected["cars"]["indigo/testing/testdata/paul_staging.repo.car"];
    assert_eq!(document.did.as_str(), repository["did"]);
    assert_eq!(document.signing_key.unwrap().to_did_key(), repository["signature"]["key"]);
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn documents_of_the_network_have_keys_hosts_and_handles() {
    let documents = json_of(fixtures().join("firehose/did_docs.json"));
    for (did, json) in documents.as_object().unwrap() {
        let document = DidDocument::parse(json.to_string().as_bytes()).unwrap();
        assert_eq!(document.did.as_str(), did);
        let key = document.signing_key.unwrap().to_multikey();
        assert_eq!(key, json["verificationMethod"][0]["publicKeyMultibase"]);
        assert_eq!(document.pds.unwrap(), json["service"][0]["serviceEndpoint"]);
        assert_eq!(format!("at://{}", document.handles[0]), json["alsoKnownAs"][0]);
    }
}
