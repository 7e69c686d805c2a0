//! Writes the seeds of all corpora: `cargo run --bin seeds`. The same bytes every time.

use std::path::Path;

mod cars;
mod events;
mod logs;
mod nodes;

/// Names and contents.
type Seeds = Vec<(String, Vec<u8>)>;

fn main() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let all = [
        ("car_reader", cars::seeds()),
        ("drisl", nodes::values()),
        ("event_verify", events::seeds()),
        ("node_decode", nodes::nodes()),
        ("plc_log", logs::seeds()),
        ("proof", cars::proofs()),
    ];
    for (target, seeds) in all {
        let folder = corpus.join(target);
        std::fs::create_dir_all(&folder).unwrap();
        let mut bytes = 0;
        let count = seeds.len();
        for (name, seed) in seeds {
            bytes += seed.len();
            std::fs::write(folder.join(format!("seed-{name}")), seed).unwrap();
        }
        println!("{target}: {count} seeds, {bytes} bytes");
    }
}

fn named(list: Vec<(&str, Vec<u8>)>) -> Seeds {
    list.into_iter().map(|(name, seed)| (name.to_owned(), seed)).collect()
}
