//! Account states, what each state allows, and how far a head is verified.

mod action;
mod engine_name;
mod state;
mod trust;

pub use action::Action;
pub use engine_name::EngineName;
pub(crate) use engine_name::Origin;
pub use state::State;
pub use trust::{Trust, TrustKey};
