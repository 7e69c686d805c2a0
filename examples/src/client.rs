//! A client of a host's XRPC methods, synchronous as the engine is.

use crate::Failure;
use serde_json::{Value, json};
use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body};

/// What a client reads of a repository at most: its size is the host's choice.
const REPOSITORY_BYTES_MAX: u64 = 1 << 30;

/// How long a request may take in all.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of one host.
pub struct Client {
    agent: Agent,
    address: SocketAddr,
}

/// A status code and the JSON that came with it.
pub type Answer = (u16, Value);

impl Client {
    /// A client of the host at this address.
    pub fn new(address: SocketAddr) -> Self {
        let config = Agent::config_builder()
            // XRPC tells its errors in the body, which has to be read for every status.
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            // A proxy that the environment names does not lead to a loopback address.
            .proxy(None)
            .build();
        Self { agent: config.new_agent(), address }
    }

    /// Calls a query that answers with JSON.
    ///
    /// # Errors
    /// If the host does not answer, or not with JSON. An XRPC error is an answer.
    pub fn query(&self, method: &str, parameters: &[(&str, &str)]) -> Result<Answer, Failure> {
        answer(self.get(method, parameters)?)
    }

    /// Calls `createRecord`.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub fn create_record(&self, token: &str, body: &Value) -> Result<Answer, Failure> {
        let request = self
            .agent
            .post(self.url("com.atproto.repo.createRecord"))
            .header("Authorization", format!("Bearer {token}"));
        answer(request.send_json(body)?)
    }

    /// Creates a record whose key the host chooses.
    ///
    /// # Errors
    /// As [`Client::query`]; an XRPC error too.
    pub fn create(&self, token: &str, did: &str, text: &str) -> Result<Value, Failure> {
        let record = json!({ "text": text });
        let body = json!({ "repo": did, "collection": "com.example.note", "record": record });
        match self.create_record(token, &body)? {
            (200, created) => Ok(created),
            (status, error) => Err(format!("createRecord answered {status}: {error}").into()),
        }
    }

    /// Downloads a repository. The reader is the body as it arrives.
    ///
    /// # Errors
    /// If the host does not answer, or with an error. The reader fails if the host breaks off.
    pub fn repository(&self, did: &str) -> Result<impl Read + use<>, Failure> {
        let response = self.get("com.atproto.sync.getRepo", &[("did", did)])?;
        if response.status() != 200 {
            let (status, error) = answer(response)?;
            return Err(format!("getRepo answered {status}: {error}").into());
        }
        Ok(response.into_body().into_with_config().limit(REPOSITORY_BYTES_MAX).reader())
    }

    fn get(&self, method: &str, parameters: &[(&str, &str)]) -> Result<Response<Body>, Failure> {
        Ok(self.agent.get(self.url(method)).query_pairs(parameters.iter().copied()).call()?)
    }

    fn url(&self, method: &str) -> String {
        format!("http://{}/xrpc/{method}", self.address)
    }
}

fn answer(mut response: Response<Body>) -> Result<Answer, Failure> {
    Ok((response.status().as_u16(), response.body_mut().read_json()?))
}
