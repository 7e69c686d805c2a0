//! `carrack demo`: the whole of it in a few seconds, with what it took.

mod content;
mod identity;
mod page;
mod voyage;

pub(super) use voyage::{DemoArgs, run};
