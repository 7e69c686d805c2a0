//! The routes, and a host that runs in the background of a synchronous program.

use super::error::XrpcError;
use super::get_repo::get_repo;
use super::records::{create_record, get_record};
use super::state::Host;
use super::subscribe::subscribe_repos;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The host's methods.
pub fn router(host: Arc<Host>) -> Router {
    Router::new()
        .route("/xrpc/com.atproto.sync.getRepo", get(get_repo))
        .route("/xrpc/com.atproto.sync.subscribeRepos", get(subscribe_repos))
        .route("/xrpc/com.atproto.repo.getRecord", get(get_record))
        .route("/xrpc/com.atproto.repo.createRecord", post(create_record))
        .fallback(async || {
            let message = "this host does not have the method";
            XrpcError::new(StatusCode::NOT_IMPLEMENTED, "MethodNotImplemented", message)
        })
        .method_not_allowed_fallback(async || {
            let message = "queries are GET, procedures are POST";
            XrpcError::new(StatusCode::METHOD_NOT_ALLOWED, "InvalidRequest", message)
        })
        .with_state(host)
}

/// A host on a loopback port, with a runtime of its own.
pub struct Running {
    runtime: Runtime,
    address: SocketAddr,
}

/// Starts a host on a free loopback port. For checks; `axum_host` shows a host with a signal to stop.
///
/// # Errors
/// If there is no port, or no thread for the runtime.
pub fn start(host: Host) -> std::io::Result<Running> {
    let runtime = Runtime::new()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    let routes = router(Arc::new(host));
    runtime.spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            eprintln!("the host ended: {error}");
        }
    });
    Ok(Running { runtime, address })
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, with all connections.
    pub fn stop(self) {
        self.runtime.shutdown_timeout(Duration::from_secs(5));
    }
}
