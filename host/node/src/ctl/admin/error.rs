//! Why the admin API gave no answer that can be used.

use caldera_api::admin::TokenError;

use crate::rpc::RpcError;

/// Why the admin API gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum AdminClientError {
    /// There is no token to show.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The URL is not one of an admin API.
    #[error("'{url}' is no address of an admin API: {why}")]
    BadUrl {
        /// As it was given.
        url: String,
        /// Why not.
        why: String,
    },
    /// Nobody answers there.
    #[error("cannot reach the admin API at {url}: {why}; say where it is by --admin URL")]
    Unreachable {
        /// Where.
        url: String,
        /// What the transport says.
        why: String,
    },
    /// The node refused.
    #[error("{message} ({code}): {hint}")]
    Refused {
        /// For programs.
        code: String,
        /// What went wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The answer is not what the path promises.
    #[error("{path} gave an answer that does not decode: {why}")]
    BadAnswer {
        /// Which path.
        path: String,
        /// Why not.
        why: String,
    },
    /// The node runs other chains.
    #[error("the node at {url} does not run the chain {chain_id}; it runs: {}", known.join(", "))]
    OtherNode {
        /// Where its admin API is.
        url: String,
        /// Which chain was meant.
        chain_id: u64,
        /// The chains it has.
        known: Vec<String>,
    },
    /// The chain itself could not be asked.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}
