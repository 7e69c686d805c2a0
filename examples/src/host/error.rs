//! Errors as XRPC tells them: `{"error": NAME, "message": TEXT}` with a status code.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use carrack::error::Entity;
use carrack::ident::SyntaxError;
use carrack::{ErrorKind, Problem};
use serde_json::json;
use std::fmt;

/// An error for a client.
#[derive(Debug)]
pub struct XrpcError {
    status: StatusCode,
    name: &'static str,
    message: String,
}

impl XrpcError {
    pub(super) fn new(status: StatusCode, name: &'static str, message: impl fmt::Display) -> Self {
        Self { status, name, message: message.to_string() }
    }

    /// An error of the request that has a name of its own.
    pub(super) fn bad(name: &'static str, message: impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, name, message)
    }

    /// Any other error of the request.
    pub(super) fn invalid(message: impl fmt::Display) -> Self {
        Self::bad("InvalidRequest", message)
    }

    /// A failure of the server. The cause goes to the operator: it can name files, and a client cannot
    /// do anything about it.
    pub(super) fn internal(cause: &dyn fmt::Display) -> Self {
        eprintln!("internal error: {cause}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "internal error")
    }

    /// The server cannot do it for now: the client may try again.
    pub(super) fn unavailable(message: impl fmt::Display) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "NotEnoughResources", message)
    }
}

/// The kind of an engine's error says who has to act, and so decides the status.
impl From<carrack::Error> for XrpcError {
    fn from(error: carrack::Error) -> Self {
        match error.kind() {
            ErrorKind::Invalid | ErrorKind::Refused => Self::invalid(error),
            ErrorKind::NotFound => match &error {
                carrack::Error::NotFound(Entity::Account(_)) => Self::bad("RepoNotFound", error),
                carrack::Error::NotFound(Entity::Record(_)) => Self::bad("RecordNotFound", error),
                _ => Self::invalid(error),
            },
            ErrorKind::Conflict => Self::bad("InvalidSwap", error),
            ErrorKind::Unavailable | ErrorKind::Reopen | ErrorKind::Stale => {
                eprintln!("unavailable: {error}");
                Self::unavailable("the store is not available; try again")
            }
            // `Closed`, `Corrupt`, and kinds that a later version adds.
            _ => Self::internal(&error),
        }
    }
}

/// A parameter that is not what it should be.
impl From<SyntaxError> for XrpcError {
    fn from(error: SyntaxError) -> Self {
        carrack::Error::from(error).into()
    }
}

/// What cannot be told as JSON.
impl From<Problem> for XrpcError {
    fn from(problem: Problem) -> Self {
        carrack::Error::from(problem).into()
    }
}

impl IntoResponse for XrpcError {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.name, "message": self.message });
        (self.status, Json(body)).into_response()
    }
}

impl fmt::Display for XrpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

impl std::error::Error for XrpcError {}
