//! `carrack bench`: what this machine does with repositories, in figures.

mod accounts;
mod args;
mod commit;
mod common_args;
mod data;
mod jobs;
mod measure;
mod read;
mod report;
mod transfer;
mod transfer_report;
mod transfer_subject;

pub(super) use args::{BenchArgs, run};
