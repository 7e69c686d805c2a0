//! What the programs of this package share: what they are asked, what they measure, what they
//! answer, and the account that all of them work on.

mod account;
mod answer;
mod ask;
mod meter;

pub use account::{COLLECTION, DID, DID_KEY, Fresh, PUBLIC, SECRET};
pub use answer::{Outcome, answer};
pub use ask::{Ask, Job};
pub use meter::{Meter, Spent};
