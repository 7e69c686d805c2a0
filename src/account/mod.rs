//! Accounts as the engine's callers see them: their state, what each state allows, and how far their
//! head is verified.

mod action;
mod engine_name;
mod state;
mod trust;

pub use action::Action;
pub use engine_name::EngineName;
pub(crate) use engine_name::Origin;
pub use state::State;
pub use trust::{Trust, TrustKey};
