//! Every bound on what the engine takes, and the reason for each.

/// A record: the sync specification allows 1,000,000 bytes for one record's block in an event.
pub const RECORD_BYTES_MAX: usize = 1_000_000;
/// A record in an import: the data model's guide says 1 MiB, and what is signed cannot be cut.
pub const IMPORTED_RECORD_BYTES_MAX: usize = 1 << 20;
/// A tree node in an import: 1 MiB holds some 10,000 entries; honest nodes have 4 on average.
pub const NODE_BYTES_MAX: usize = 1 << 20;
/// Blobs that one record may refer to: each is a row of the index, which takes some 1,100 bytes to
/// write. Galleries have tens. 17,543 of them fit into a record of 1 MB, and wrote 20 MB.
pub const BLOB_REFS_MAX: usize = 1000;
/// Entries that a create may leave in one node: chance (3/4)^256 for honest keys, so a writer
/// that reaches it mines keys.
pub const NODE_ENTRIES_MAX: usize = 256;
/// Layer of a key: SHA-256 has 256 bits, and a layer takes two.
pub const LAYER_MAX: u8 = 128;
/// A CAR section that is held in memory: the largest block with its CID (at most 128 bytes), rounded
/// up. A longer one is read past.
pub const SECTION_BYTES_MAX: usize = (1 << 20) + 1024;
/// Sections of an archive that could be of its tree and are not: more are a flood, which the sync
/// specification calls abuse. Old exports carry some that a deletion has left behind.
pub const UNREACHED_BLOCKS_MAX: u64 = 1_000_000;
/// How many times as many as the tree has they may be in a larger archive.
pub const UNREACHED_BLOCKS_FACTOR: u64 = 4;
/// A CAR header: some hundred roots; one is what a repository has.
pub const CAR_HEADER_BYTES_MAX: usize = 8192;
/// Roots named by a CAR header: since-diffs and block lists have none, spaces have two.
pub const CAR_ROOTS_MAX: usize = 64;
/// The binary form of a CID: 64 bytes of digest and four varints, with room to spare.
pub const CID_BYTES_MAX: usize = 128;
/// Nesting of CBOR values: the data model's bound.
pub const CBOR_DEPTH_MAX: usize = 32;
/// Members of one CBOR container: the data model's bound.
pub const CBOR_CONTAINER_MAX: usize = 131_072;
/// A commit object: six short fields; old ones carry no more.
pub const COMMIT_BYTES_MAX: usize = 4096;
/// An NSID, in characters.
pub const NSID_CHARS_MAX: usize = 317;
/// A record key, in characters.
pub const RECORD_KEY_CHARS_MAX: usize = 512;
/// A repository path: NSID, slash, record key.
pub const PATH_BYTES_MAX: usize = NSID_CHARS_MAX + 1 + RECORD_KEY_CHARS_MAX;
/// A DID, in characters: the protocol's hard limit is 2048.
pub const DID_CHARS_MAX: usize = 2048;
/// How far a revision may be ahead of this machine's clock: five minutes, in microseconds.
pub const CLOCK_DRIFT_MAX_MICROS: u64 = 5 * 60 * 1_000_000;
/// Ops in one commit event, by the sync specification.
pub const EVENT_OPS_MAX: usize = 200;
/// Bytes of blocks in one commit event, by the sync specification.
pub const EVENT_BLOCKS_BYTES_MAX: usize = 2_000_000;
/// A frame of the event stream: the sync specification says 5 MB.
pub const EVENT_FRAME_BYTES_MAX: usize = 5_000_000;
/// Bytes of blocks in one sync event, by the sync specification: a commit block and no more.
pub const SYNC_BLOCKS_BYTES_MAX: usize = 10_000;
/// Problems that a report lists; further ones are counted.
pub const PROBLEMS_LISTED_MAX: usize = 1000;
/// Sections of a node of layer 0 and its records that are kept in one row, in bytes. Measured: see
/// `manual::format`.
pub(crate) const RUN_BYTES_MAX: usize = 16 * 1024;
/// A record's section in one row; a longer one continues in further rows, so that small neighbours
/// in the same leaf of the database stay cheap to rewrite.
pub(crate) const ROW_BYTES_MAX: usize = 32 * 1024;
/// A proof CAR, in bytes, which is held in memory: a path of the largest nodes takes more than an
/// honest proof ever will, and a proof of a whole collection is read in streaming order instead.
pub const PROOF_BYTES_MAX: u64 = 64 << 20;
/// Distinct blocks of such a proof: each costs memory beside its bytes. 64 MiB of honest ones are
/// some 150,000.
pub const PROOF_BLOCKS_MAX: usize = 1 << 18;
/// Memory for the database's pages unless the caller asks for more: small enough that an import
/// of any size stays far below 200 MiB altogether.
pub const CACHE_BYTES_DEFAULT: usize = 64 << 20;
/// Memory for tree nodes above layer 0 that have been read and hashed, as a part of the memory for
/// pages: with [`CACHE_BYTES_DEFAULT`] 8 MiB, which hold those of an account of 100,000 records.
pub(crate) const KEPT_NODES_PART: usize = 8;
/// Memory for which rows were found by following the nodes above them, as a part of the memory for
/// pages: with [`CACHE_BYTES_DEFAULT`] 2 MiB, which tell of 262,144 rows.
pub(crate) const CONFIRMED_ROWS_PART: usize = 32;
/// The maximum number of confirmed rows, which take 8 MiB.
pub(crate) const CONFIRMED_ROWS_MAX: usize = 1 << 20;
/// A longer node is read anew each time: honest ones have some hundred bytes.
pub(crate) const KEPT_NODE_BYTES_MAX: usize = 64 << 10;
/// What a backup writes in one transaction, in bytes: some tens of milliseconds of the disk.
pub(crate) const COPIED_BYTES: usize = 8 << 20;
/// Memory for the pages of a backup that is being written: it is written in order and never read.
pub(crate) const COPY_CACHE_BYTES: usize = 16 << 20;
/// Pages that the database writes into memory when a store is opened read-only: its repair after an
/// unclean end, in bytes. Measured: 0.2 MB for a store of 1 GB.
pub(crate) const READ_ONLY_PAGES_BYTES_MAX: usize = 64 << 20;
/// The highest sequence number that confirms a restore. Readers in JavaScript know numbers up to
/// 2^53: a slip of the hand leaves at least half of them.
pub const RESTORE_SEQ_MAX: u64 = 1 << 52;
/// How long a snapshot may be read from: an older reader pins pages, and the file grows. Only a
/// backup takes longer.
pub const SNAPSHOT_SECONDS_MAX: u64 = 30;
/// Bytes of rows of an import per batch for the writer: a few milliseconds of its time, for which
/// all other callers wait.
pub(crate) const STAGED_BYTES: usize = 512 << 10;
/// Revisions of one account that `since` is honoured for: the newest ones, some weeks of a busy
/// account's. For older ones a full export is as good.
pub const REVS_HELD_MAX: usize = 4096;
/// Blocks asked for by CID at once.
pub const BLOCKS_ASKED_MAX: usize = 1000;
/// Bytes of blocks that are found by CID at once, which are held in memory.
pub const BLOCKS_FOUND_BYTES_MAX: usize = 16 << 20;
/// Rows that a search for blocks by CID reads unless the caller asks for more: a client that is not
/// authenticated may ask for blocks, and one search keeps a core busy for 60 ms with this.
pub const BLOCK_WALK_BYTES_DEFAULT: u64 = 64 << 20;
/// What an export reads before it hands it on.
pub(crate) const EXPORT_BUFFERED_BYTES: usize = 256 * 1024;
/// A DID document: some hundred bytes for did:plc; did:web's are written by hand.
pub const DID_DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// A did:plc audit log as JSON: some 3,000 operations. Read into memory, where it may take 16
/// times as much.
pub const PLC_LOG_BYTES_MAX: usize = 4 << 20;
/// Operations of one did:plc log: the directory takes 100 a week.
pub const PLC_OPERATIONS_MAX: usize = 5000;
/// A did:plc operation as signed, in DAG-CBOR: what the directory took in its first years.
pub const PLC_OPERATION_BYTES_MAX: usize = 7500;
/// The same for operations made here: what the directory takes now.
pub const PLC_NEW_OPERATION_BYTES_MAX: usize = 4000;
/// Rotation keys of a did:plc operation, by the directory; each may cost a signature check.
pub const PLC_ROTATION_KEYS_MAX: usize = 10;
/// How long an operation can be nullified by a key of higher priority: 72 hours, in microseconds.
pub const PLC_RECOVERY_MICROS: u64 = 72 * 60 * 60 * 1_000_000;
/// How long events are kept: 72 hours, in microseconds; relays that were away longer start anew.
pub const EVENTS_AGE_MICROS: u64 = 72 * 60 * 60 * 1_000_000;
/// How many bytes of events are kept.
pub const EVENTS_BYTES_MAX: u64 = 2 << 30;
/// A diff that is applied, in bytes, which is held in memory and goes into one transaction; so do
/// the rows that it replaces. A copy that is further behind is replaced by a full one.
pub const DIFF_BYTES_MAX: u64 = 64 << 20;
/// Blocks of a diff that is applied: each costs memory beside its bytes. 64 MiB of honest ones are
/// some 150,000.
pub const DIFF_BLOCKS_MAX: u64 = 1 << 18;
