//! What an operator is told when a request fails: a status, a code for programs, a sentence, and what to do.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use caldera_chain::ChainError;
use caldera_engine::StageError;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::port::ShadowError;

/// What a handler gives back.
pub(crate) type Reply<T> = Result<Json<T>, AdminError>;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    /// No token, or not this node's.
    #[error("no valid bearer token")]
    Unauthorized,
    /// Nothing is there.
    #[error("{0}")]
    NotFound(String),
    /// This path does not take this method.
    #[error("{0} is not possible here")]
    Method(http::Method),
    /// A parameter or a body that does not read.
    #[error("{0}")]
    BadRequest(String),
    /// The body is longer than this path takes.
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    /// A component that no chain would take.
    #[error("{0}")]
    Rejected(String),
    /// A digest that is not ready to run here.
    #[error("{0}")]
    NotReady(String),
    /// Something stands in the way.
    #[error("{0}")]
    Conflict(String),
    /// As much as can be is under way.
    #[error("as many requests as this node takes at once are under way")]
    Busy,
    /// It took too long.
    #[error("no answer within {0} s; what was begun goes on")]
    Slow(u64),
    /// This node's own fault.
    #[error("{0}")]
    Node(String),
}

/// The body of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorText,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorText {
    /// For programs: a word from a closed list.
    pub code: String,
    /// For people.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl AdminError {
    fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "send `Authorization: Bearer` and the content of the file admin-token in the node's data folder",
            ),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not-found", "GET /v1/chains lists the chains of this node"),
            Self::Method(_) => (StatusCode::METHOD_NOT_ALLOWED, "method", "the header `allow` says what is possible"),
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, "bad-request", "README.md describes every path"),
            Self::TooLong(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too-long", "a component has 2 MiB at most"),
            Self::Rejected(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "rejected",
                "every node of the chain would say the same: change the component, its grants or its limits",
            ),
            Self::NotReady(_) => (StatusCode::CONFLICT, "not-ready", "prepare it first: `caldera engine prepare`"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict", "`caldera engine status` shows what is under way"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy", "try again in a moment"),
            Self::Slow(_) => (StatusCode::GATEWAY_TIMEOUT, "slow", "ask again: what is ready by then is answered at once"),
            Self::Node(_) => (StatusCode::INTERNAL_SERVER_ERROR, "node", "the log of the node says more"),
        }
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        if let Self::Node(why) = &self {
            tracing::error!(%why, "an admin request failed by this node's fault");
        }
        let (status, code, hint) = self.parts();
        let error = ErrorText { code: code.to_owned(), message: self.to_string(), hint: hint.to_owned() };
        (status, Json(ErrorBody { error })).into_response()
    }
}

impl From<ChainError> for AdminError {
    fn from(error: ChainError) -> Self {
        Self::Node(error.to_string())
    }
}

impl From<StageError> for AdminError {
    fn from(error: StageError) -> Self {
        match error {
            StageError::Rejected(rejection) => Self::Rejected(rejection.to_string()),
            StageError::Node(error) => Self::Node(error.to_string()),
        }
    }
}

impl From<ShadowError> for AdminError {
    fn from(error: ShadowError) -> Self {
        match error {
            ShadowError::Running { .. } => Self::Conflict(error.to_string()),
            ShadowError::NotRunning(_) => Self::NotFound(error.to_string()),
            ShadowError::Refused(why) => Self::Rejected(why),
            ShadowError::Node(why) => Self::Node(why),
        }
    }
}
