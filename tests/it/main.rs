//! The tests of behaviour, one module each. They are one binary, as linking takes longer than
//! compiling them: `cargo test --test it swap::` runs the tests of one module.
//!
//! Tests whose findings depend on how busy the process is are in `tests/measured/`, and those that
//! measure a process of their own in `tests/memory.rs`.

#[path = "../../benches/common/mod.rs"]
mod bench_common;
#[path = "../common/mod.rs"]
mod common;
mod diffs;

mod accounts;
mod apply;
mod archive;
mod backup;
mod bad_pages;
mod bench_command;
mod blob_refs;
mod blobs_needed;
mod blocks;
mod branches;
mod car_vectors;
mod changes;
mod cli;
mod cli_account;
mod cli_archive;
mod cli_backup;
mod cli_causes;
mod cli_collection_proof;
mod cli_diff;
mod cli_fields;
mod cli_follow;
mod cli_generated;
mod cli_trust;
mod collection_proof;
mod compact;
mod crash;
mod crash_migration;
mod damage;
mod damage_pages;
mod dasl;
mod data_model;
mod deleted;
mod did_documents;
mod drisl_properties;
mod errors;
mod event_frames;
mod event_rules;
mod event_vectors;
mod events;
mod flips;
mod follow;
mod follow_disturbed;
mod format;
mod frozen;
mod handles;
mod high_s;
mod hostile_archives;
mod ident_vectors;
mod import;
mod inputs;
mod key_vectors;
mod large_records;
mod layers;
mod leftovers;
mod migration;
mod model;
mod nothing_new;
mod plc_logs;
mod progress;
mod proof;
mod public_items;
mod race;
mod readme;
mod restored;
mod retention;
mod rev;
mod salvage;
mod serialized;
mod sessions;
mod since;
mod snapshot;
mod swap;
mod tidiness;
mod tree_model;
mod tree_vectors;
mod trust;
mod verify_orders;
mod verify_stream;
mod verify_structure;
mod voyage;
mod watch;
mod while_signing;
mod wide;
