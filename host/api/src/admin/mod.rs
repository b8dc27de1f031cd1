//! What an operator does to a node and sees of it, over HTTP with JSON, on a port of its own.
//!
//! | Path | |
//! |---|---|
//! | `GET /health` | whether all chains make blocks or follow (200), or which do not (503); the only path without a token |
//! | `GET /metrics` | counts and times for Prometheus ([`crate::metrics`]) |
//! | `GET /v1/chains` | the chains |
//! | `GET /v1/chains/{chain}` | one chain: head, pool, why it has halted |
//! | `POST /v1/chains/{chain}/check` | whether a chain would take the component in the body; `grants`, `memoryPages`, `fuelPerCall`, `valueBytes` and `subcallDepth` in the query |
//! | `GET /v1/chains/{chain}/engines` | the registry, and how far each component has come |
//! | `GET /v1/chains/{chain}/engines/{digest}` | how far one component has come |
//! | `GET /v1/chains/{chain}/engines/{digest}/ready` | the arm check: 200 when it can be called here, 409 when not |
//! | `POST /v1/chains/{chain}/engines/{digest}/prepare` | compiles it now, and answers when it is ready |
//! | `GET /v1/chains/{chain}/shadows` | the reports of shadow runs |
//! | `GET`, `PUT`, `DELETE /v1/chains/{chain}/shadows/{mount}` | one report; start with a [`view::ShadowRequest`]; stop |
//!
//! Errors are `{"error": {"code", "message", "hint"}}`.
//!
//! Invariants:
//! - Nothing here is consensus, and nothing here signs: what the governor decides is a signed transaction, sent over
//!   JSON-RPC. The governor's key never comes here.
//! - Every path but `/health` needs the token, whether it exists or not.
//! - It listens on loopback addresses unless the configuration says otherwise in so many words: there is no TLS here.
//! - Bodies, times, connections and the work under way are bounded; work runs on threads of this server's own.

mod chains;
mod check;
mod engines;
mod error;
pub(crate) mod phase;
pub mod port;
mod routes;
mod server;
mod shadows;
mod token;
pub mod view;

pub use check::{check, check_with};
pub use error::{ErrorBody, ErrorText};
pub use server::{AdminChain, AdminError, AdminHandle, AdminLimits, AdminOptions, AdminServer};
pub use token::{TOKEN_FILE, Token, TokenError};
