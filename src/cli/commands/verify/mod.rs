//! `carrack verify`: a whole repository, or what a partial CAR proves.

mod collection;
mod head_and_listing;
mod record;
mod verified;
mod verify;
mod whole;

pub(in crate::cli) use verify::{VerifyArgs, run};
