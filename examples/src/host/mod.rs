//! A small host: four methods of the protocol over one engine, with axum and tokio.
//!
//! It shows how a synchronous engine serves asynchronous clients. It is not a personal data server. A real
//! host also needs OAuth (the bearer tokens here are fixed), TLS, CORS headers for web clients, rate
//! limits, handles, blobs and the other methods; the page on hosting in carrack's manual lists their calls.

mod error;
mod get_repo;
mod records;
mod running;
mod state;
mod subscribe;

pub use error::XrpcError;
pub use running::{Running, router, start};
pub use state::{Account, Host};
