//! `carrack demo`: creates, migrates and verifies a sample account, and prints what each step took.

mod identity;
mod records;
mod run;
mod transcript;

pub(super) use run::{DemoArgs, run};
