//! Paths whose layers are known, found by trying.

use carrack::ident::RepoPath;
use carrack::tree::layer;
use std::sync::LazyLock;

/// Collections of which one begins like another: their paths interleave with the slash.
pub const COLLECTIONS: [&str; 3] =
    ["com.example.post", "com.example.post.like", "com.example.posts"];

/// How many paths of each layer there are, from layer 0 on.
const WANTED: [usize; 9] = [64, 48, 32, 20, 12, 8, 6, 4, 2];

/// Paths by their layers, 0 to 8. A path of layer 8 takes 87,000 hashes.
pub static MINED: LazyLock<Vec<Vec<RepoPath>>> = LazyLock::new(|| {
    let mut found: Vec<Vec<RepoPath>> = WANTED.iter().map(|_| Vec::new()).collect();
    let mut number = 0_usize;
    while found.iter().zip(WANTED).any(|(found, wanted)| found.len() < wanted) {
        let text = format!("{}/{number:07}", COLLECTIONS[number % COLLECTIONS.len()]);
        let layer = usize::from(layer(text.as_bytes()));
        if layer < WANTED.len() && found[layer].len() < WANTED[layer] {
            found[layer].push(text.parse().unwrap());
        }
        number += 1;
    }
    found
});

/// This many paths of one layer and collection, in ascending order.
pub fn of_layer(wanted: u8, count: usize) -> Vec<RepoPath> {
    (0_u32..)
        .map(|number| format!("com.example.wide/{number:07}"))
        .filter(|text| layer(text.as_bytes()) == wanted)
        .take(count)
        .map(|text| text.parse().unwrap())
        .collect()
}
