//! What is measured: each job runs in a process of its own.

pub(in crate::cli) mod accounts;
pub(in crate::cli) mod commit;
pub(in crate::cli) mod job;
pub(in crate::cli) mod read;
pub(in crate::cli) mod transfer;
pub(in crate::cli) mod yardstick;
