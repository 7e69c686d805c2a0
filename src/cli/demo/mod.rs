//! `carrack demo`: creates, migrates and verifies a sample account, and prints what each step took.

mod content;
mod identity;
mod run;
mod transcript;

pub(super) use run::{DemoArgs, run};
