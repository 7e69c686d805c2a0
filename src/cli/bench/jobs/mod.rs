//! What is measured: each job runs in a process of its own.

mod accounts;
mod commit;
pub(in crate::cli) mod job;
mod read;
mod transfer;
mod yardstick;
