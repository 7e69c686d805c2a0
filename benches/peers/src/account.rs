//! The account of the generated files, and the records that the commits add to it.

pub const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

/// Its signing key, on k256.
pub const SECRET: [u8; 32] = [7; 32];

/// The public key in SEC1 form, compressed. `generate` signs with `SECRET` and checks both forms.
pub const PUBLIC: [u8; 33] = [
    2, 152, 156, 11, 118, 203, 86, 57, 113, 253, 201, 190, 243, 30, 192, 108, 53, 96, 243, 36, 157,
    110, 233, 229, 216, 60, 87, 98, 85, 150, 224, 95, 111,
];

/// The same as text.
pub const DID_KEY: &str = "did:key:zQ3shXgWjVsCJsv9mBm6kVqFSjAnErMg3zG9CcyvmUCCaFRCr";

/// Where the new records go.
pub const COLLECTION: &str = "app.bsky.feed.post";

/// After the revision of every generated file, and so after its record keys.
const FRESH_MICROS: u64 = 1_790_000_000_000_000;
const FRESH_STEP_MICROS: u64 = 1_000_003;

/// A record that a commit creates: text fields only, which every library encodes alike.
pub struct Fresh {
    pub rkey: String,
    pub fields: [(&'static str, String); 3],
}

impl Fresh {
    /// Record number `n`.
    pub fn new(n: u64) -> Self {
        let text = format!("Entry {n} of the log: wind from the west, all well, nothing in sight.");
        let fields = [
            ("$type", COLLECTION.to_owned()),
            ("createdAt", "2026-11-22T08:00:00.000Z".to_owned()),
            ("text", text),
        ];
        Self { rkey: tid(FRESH_MICROS + n * FRESH_STEP_MICROS), fields }
    }

    pub fn path(&self) -> String {
        format!("{COLLECTION}/{}", self.rkey)
    }
}

/// The record key of this microsecond: 13 digits of base32 that sort as the number does.
fn tid(micros: u64) -> String {
    const DIGITS: [u8; 32] = *b"234567abcdefghijklmnopqrstuvwxyz";
    let number = micros << 10;
    (0..13).rev().map(|place| char::from(DIGITS[(number >> (5 * place)) as usize & 31])).collect()
}
