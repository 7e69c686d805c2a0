//! `carrack bench`: what this machine does with repositories, in figures.

mod accounts;
mod accounts_job;
mod args;
mod chart;
mod child;
mod commit;
mod commit_job;
mod figures;
mod fill;
mod generated_tree;
mod html;
mod job;
mod latency;
mod machine;
mod read;
mod read_job;
mod records;
mod report;
mod repository;
mod rng;
mod scratch;
mod step;
mod threads;
mod transfer;
mod transfer_job;
mod transfer_report;
mod usage;
mod yardstick;

pub(super) use args::{BenchArgs, run};
