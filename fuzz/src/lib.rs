//! Properties of carrack that have to hold for any input at all, one module for each fuzz target.
//!
//! `check` of a module takes the bytes and panics where the property does not hold. `mutate`, where
//! there is one, repairs hashes and signatures after the fuzzer's own change, so that most inputs
//! get past the first check. The corpora in `corpus/` are also run by `cargo test`.
#![forbid(unsafe_code)]

pub mod car_reader;
pub mod drisl;
pub mod event_verify;
pub mod mend;
pub mod node_decode;
pub mod plc_log;
pub mod proof;
pub mod sample;

/// A property, by the name of its target.
pub type Check = fn(&[u8]);

/// All targets.
pub const TARGETS: [(&str, Check); 6] = [
    ("car_reader", car_reader::check),
    ("drisl", drisl::check),
    ("event_verify", event_verify::check),
    ("node_decode", node_decode::check),
    ("plc_log", plc_log::check),
    ("proof", proof::check),
];
