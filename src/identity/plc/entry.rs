use super::Operation;

/// An operation in its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogEntry {
    pub(super) operation: Operation,
    pub(super) created_micros: u64,
    /// Index of the key that signed it among its predecessor's rotation keys.
    pub(super) signer: usize,
    pub(super) nullified: bool,
}
