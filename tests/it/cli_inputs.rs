//! What the commands read: compressed files, several files, several frames.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::bench_common::{Order, did, signing_key, write_car};
use crate::common::cli_folder::{Folder, gzip};
use crate::common::sample::sample;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Value, json};

/// With an archive of 300 records.
fn folder() -> Folder {
    let folder = Folder::new();
    write_car(&folder.path("many.car"), 300, Order::Streaming);
    folder
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

type Pack = fn(&[u8]) -> Vec<u8>;
const PACKS: [Pack; 2] = [gzip, zstd];

#[test]
fn compressed_files_are_read_like_others_in_every_command() {
    let folder = folder();
    folder.with_frames(did().as_str());
    let whole = folder.json(0, &["verify", "--json", "many.car"]);
    let listing = folder.yes(&["ls", "many.car"]);
    let key = folder.key_of("own.redb", did().as_str());
    for (number, pack) in PACKS.into_iter().enumerate() {
        let car = folder.read("many.car");
        let (one, two) = car.split_at(car.len() / 3);
        folder.write("packed", &[pack(one), pack(two)].concat());
        assert_eq!(folder.json(0, &["verify", "--json", "packed"]), whole);
        assert_eq!(folder.yes(&["ls", "packed"]), listing);
        let piped = folder.run(&["verify", "--json", "-"], &pack(&car));
        assert_eq!(serde_json::from_slice::<Value>(&piped.stdout).unwrap(), whole);
        let store = format!("s{number}.redb");
        let imported = folder.json(0, &["import", "--no-key", "--json", &store, "packed"]);
        assert_eq!(imported["commit"], whole["commit"]);

        folder.write("log.packed", &pack(&folder.read("log.json")));
        assert_eq!(folder.json(0, &["plc", "verify", "--json", "log.packed"])["verdict"], "valid");
        folder.yes(&["verify", "--plc-log", "log.packed", "a.car"]);
        let document = json!({"id": sample().did.as_str(), "verificationMethod": []});
        folder.write("did.packed", &pack(document.to_string().as_bytes()));
        let (_, said) = folder.ends(1, &["verify", "--did-doc", "did.packed", "a.car"]);
        assert!(said.contains("names no #atproto key"), "{said}");

        folder.write("frame.packed", &pack(&folder.read("all.bin")));
        let frames = ["event", "verify", "--json", "--key", &key, "frame.packed"];
        assert_eq!(folder.json(0, &frames)["verdict"], "valid");
        let copy = format!("copy{number}.redb");
        folder.yes(&["follow", &copy, "frame.packed", "--key", &key]);
        assert_eq!(folder.json(0, &["status", &copy, did().as_str(), "--json"])["records"], 3);

        folder.yes(&["export", "own.redb", did().as_str(), "-o", "own.car"]);
        folder.write("diff.packed", &pack(&folder.read("own.car")));
        folder.yes(&["apply", &copy, "diff.packed"]);
    }
}

#[test]
fn what_compressed_data_grows_to_is_bounded() {
    let folder = folder();
    // A valid CAR in front, and zeros without end.
    let bomb = [folder.read("many.car"), vec![0; 64 << 20]].concat();
    for pack in PACKS {
        let packed = pack(&bomb);
        assert!(packed.len() < 1 << 20, "{}", packed.len());
        folder.write("bomb", &packed);
        for args in [
            &["verify", "bomb", "--json", "--max-bytes", "1000000"][..],
            &["import", "--no-key", "s.redb", "bomb", "--json", "--max-bytes", "1000000"],
            &["event", "verify", "bomb", "--json", "--max-bytes", "1000000"],
        ] {
            let refused = folder.json(1, args);
            assert_eq!(refused["verdict"], "invalid", "{args:?}");
            assert_eq!(refused["problems"][0]["code"], "TooLarge", "{args:?}");
            let message = refused["problems"][0]["message"].as_str().unwrap();
            assert!(message.contains("1000000 bytes") && message.contains("--max-bytes"));
        }
        let (_, said) = folder.ends(1, &["ls", "bomb", "--max-bytes", "1000000"]);
        assert!(said.contains("--max-bytes"), "{said}");
        assert!(!folder.path("s.redb").exists());
    }
    let length = folder.read("many.car").len().to_string();
    folder.write("packed", &gzip(&folder.read("many.car")));
    folder.yes(&["verify", "packed", "--max-bytes", &length]);
}

#[test]
fn damaged_compressed_data_is_told_from_a_cut() {
    let folder = folder();
    for (pack, format) in PACKS.into_iter().zip(["gzip", "zstd"]) {
        let packed = pack(&folder.read("many.car"));
        folder.write("cut", &packed[..packed.len() - 20]);
        let mut wrong = packed.clone();
        let last = wrong.len() - 6;
        wrong[last] ^= 1;
        folder.write("wrong", &wrong);
        for (name, code) in [("cut", "Truncated"), ("wrong", "NotACar")] {
            let report = folder.json(1, &["verify", "--json", name]);
            assert_eq!(report["problems"][0]["code"], code, "{format} {name}");
            let message = report["problems"][0]["message"].as_str().unwrap();
            assert!(message.starts_with(&format!("the {format} data ")), "{message}");
            let refusal = folder.json(1, &["import", "--no-key", "--json", "s.redb", name]);
            assert_eq!(refusal["problems"], report["problems"]);
            let (_, said) = folder.ends(1, &["ls", name]);
            assert!(said.contains(code), "{said}");
        }
        let log = pack(&folder.read("log.json"));
        folder.write("log.cut", &log[..log.len() - 1]);
        let report = folder.json(1, &["plc", "verify", "--json", "log.cut"]);
        assert_eq!(report["problems"][0]["code"], "Truncated");
        let (_, said) = folder.ends(1, &["verify", "--plc-log", "log.cut", "a.car"]);
        assert!(said.contains("log.cut") && said.contains("cut off"), "{said}");
        // That a document is damaged is no verdict on the repository.
        folder.write("did.cut", &log[..log.len() - 1]);
        let refusal = folder.json(1, &["verify", "--json", "--did-doc", "did.cut", "a.car"]);
        assert!(refusal.get("verdict").is_none(), "{refusal}");
    }
}

#[test]
fn several_files_are_all_verified() {
    let folder = folder();
    folder.write("cut.car", &folder.read("a.car")[..500]);
    folder.write("other.car", b"<html>");
    let one = |name: &str| {
        let code = i32::from(name != "a.car" && name != "many.car");
        let mut report = folder.json(code, &["verify", "--json", name]);
        report["file"] = name.into();
        report
    };
    let names = ["a.car", "cut.car", "many.car", "other.car"];
    let args = [&["verify", "--json"], &names[..]].concat();
    let all = folder.json(1, &args);
    let expected: Vec<Value> = names.iter().map(|name| one(name)).collect();
    assert_eq!(all, json!({"files": expected, "verdict": "invalid"}));
    let both = folder.json(0, &["verify", "--json", "a.car", "many.car"]);
    assert_eq!(both["verdict"], "valid");

    // The others are verified and reported.
    let some = folder.json(2, &["verify", "--json", "a.car", "none.car", "many.car"]);
    assert_eq!(some["verdict"], Value::Null);
    assert_eq!(some["files"][0], one("a.car"));
    assert_eq!(some["files"][1]["file"], "none.car");
    assert!(some["files"][1]["error"].as_str().unwrap().contains("none.car"), "{some}");
    assert_eq!(some["files"][2], one("many.car"));
    let worst = folder.json(2, &["verify", "--json", "cut.car", "none.car"]);
    assert_eq!(worst["verdict"], "invalid");

    let (printed, said) = folder.ends(2, &["verify", "a.car", "none.car", "cut.car"]);
    assert!(printed.ends_with("\n3 files: 1 valid, 1 invalid, 1 could not be read\n"), "{printed}");
    assert!(said.contains("none.car") && said.contains("cut.car is not valid"), "{said}");
    let key = signing_key().verifying_key().to_string();
    let keyed = folder.json(1, &["verify", "--json", "--key", &key, "many.car", "a.car"]);
    let signatures: Vec<_> =
        keyed["files"].as_array().unwrap().iter().map(|file| &file["signature"]).collect();
    assert_eq!(signatures, ["valid", "invalid"]);
    folder.ends(2, &["verify", "-", "a.car", "-"]);
}

#[test]
fn several_frames_are_all_verified() {
    let folder = folder();
    let names = folder.with_frames(did().as_str());
    let key = folder.key_of("own.redb", did().as_str());
    let verify = ["event", "verify", "--json", "--key", &key];
    let one = |name: &str| folder.json(0, &[&verify[..], &[name]].concat());
    assert_eq!(one(&names[0])["verdict"], "valid");
    let all = folder.json(0, &[&verify[..], &["all.bin"]].concat());
    let expected: Vec<Value> = names
        .iter()
        .map(|name| {
            let mut report = one(name);
            report["file"] = "all.bin".into();
            report
        })
        .collect();
    assert_eq!(all, json!({"frames": expected, "verdict": "valid"}));
    // Several files too; one that is wrong, or not there, hides no other.
    let mut wrong = folder.read(names.last().unwrap());
    let end = wrong.len() - 1;
    wrong.truncate(end);
    folder.write("wrong.bin", &[folder.read(&names[0]), wrong].concat());
    let some = folder.json(2, &[&verify[..], &["wrong.bin", "none.bin", &names[0]]].concat());
    assert_eq!(some["verdict"], "invalid");
    let found: Vec<_> = some["frames"]
        .as_array()
        .unwrap()
        .iter()
        .map(|frame| (frame["file"].as_str().unwrap(), frame["verdict"].as_str()))
        .collect();
    let expected = [
        ("wrong.bin", Some("valid")),
        ("wrong.bin", Some("invalid")),
        ("none.bin", None),
        (&names[0], Some("valid")),
    ];
    assert_eq!(found, expected);
    let (printed, _) = folder.ends(0, &["event", "verify", "all.bin"]);
    let sum = format!("\n{0} frames: {0} valid\n", names.len());
    assert!(printed.ends_with(&sum), "{printed}");
    // Bytes that are no frame make the one before them invalid, and give today's one object.
    folder.write("more.bin", &[folder.read(&names[0]), b"more".to_vec()].concat());
    let report = folder.json(1, &[&verify[..], &["more.bin"]].concat());
    assert_eq!(report["verdict"], "invalid");
    assert_eq!(folder.json(1, &[&verify[..], &["-"]].concat())["verdict"], "invalid");
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn the_inputs_of_the_field_are_read() {
    let fixtures = crate::common::material::fixtures().join("field");
    let folder = folder();
    let name = |name: &str| fixtures.join(name).display().to_string();
    let key = "did:key:zQ3shVNcwuoTaPz29UkkNxN8Aa4JZcEDNaUyf3rE2uaKQ6APD";
    let archive = name("unreferenced-raw-block-1.2MB.car.gz");
    assert_eq!(folder.json(0, &["verify", "--json", "--key", key, &archive])["signature"], "valid");
    let (_, said) = folder.ends(2, &["accounts", &name("damaged-ls-empty.redb.gz")]);
    assert!(said.contains("decompress it first"), "{said}");
    let report = folder.json(1, &["verify", "--json", &name("server-error-saved-as.car")]);
    assert_eq!(report["problems"][0]["code"], "NotACar");
    let message = report["problems"][0]["message"].as_str().unwrap();
    assert!(message.contains("a server's answer in JSON, the error"), "{message}");
}
