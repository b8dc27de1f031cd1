//! What a client is told when a call fails: the one error of the API, with its JSON-RPC code.
//!
//! Codes are those of JSON-RPC 2.0, EIP-1474 and geth; the wording of refused transactions is geth's, because ethers and
//! viem tell one refusal from another by it.

use std::time::Duration;

use alloy_primitives::{B256, Bytes, hex};
use alloy_sol_types::{Panic, Revert, SolError};
use caldera_chain::{ChainError, SimulateError, SubmitError};
use caldera_execution::{CallError, EstimateError, SimulationResult};
use caldera_state::StateError;
use caldera_types::Fault;
use jsonrpsee_types::ErrorObjectOwned;

/// What a method gives back.
pub(crate) type Reply<T> = Result<T, RpcError>;

/// Why a call has no answer. All but [`RpcError::Node`] are the caller's doing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RpcError {
    /// Parameters that do not read.
    #[error("invalid params: {0}")]
    InvalidParams(String),
    /// A method that only development chains have.
    #[error(
        "the method {0} does not exist on this chain: only development chains have it (`caldera dev`, or development = true of [[chain]])"
    )]
    Elsewhere(&'static str),
    /// No block by that number or hash.
    #[error("header not found: no block {0}")]
    NoBlock(String),
    /// No filter by that identifier.
    #[error("filter not found: it was never installed, was uninstalled, or was not asked for too long")]
    NoFilter,
    /// Over one of [`crate::ApiLimits`].
    #[error("limit exceeded: {0}")]
    Limit(String),
    /// A transaction that the pool does not take, in geth's words.
    #[error("{0}")]
    Refused(String),
    /// A simulated call reverted with this data.
    #[error("execution reverted{}", reason(.0))]
    Reverted(Bytes),
    /// A simulated call used up its gas or did what no code may do.
    #[error("{0}")]
    Halted(String),
    /// A transaction was taken, and is in no block yet (EIP-7966).
    #[error("the transaction is in the pool but was not in a block within {timeout:?}")]
    NotInTime {
        /// The transaction.
        hash: B256,
        /// How long was waited.
        timeout: Duration,
    },
    /// A transaction was taken, is in no block, and does not wait any more.
    #[error(
        "the transaction is in no block and not in the pool any more: it was replaced, or dropped; send it again unless another has its nonce"
    )]
    Gone {
        /// The transaction.
        hash: B256,
    },
    /// A transaction was taken, and waits for one with an earlier nonce (EIP-7966).
    #[error("the transaction is in the pool but waits: its nonce is {nonce}, the next one is {next}")]
    NonceGap {
        /// Of the transaction.
        nonce: u64,
        /// What the account's next must have.
        next: u64,
    },
    /// `eth_simulateV1` has a code for each rule.
    #[error("{message}")]
    Simulation {
        /// The code.
        code: i32,
        /// What is wrong.
        message: String,
    },
    /// A simulated call met the fault of an engine.
    #[error("engine fault: {0}")]
    EngineFault(Fault),
    /// What the leader of a chain that follows answered.
    #[error("{}", .0.message())]
    Leader(ErrorObjectOwned),
    /// An old block, or its state, that this node does not keep.
    #[error("{0}")]
    NotKept(String),
    /// The node's own fault.
    #[error("internal error: {0}")]
    Node(String),
}

impl RpcError {
    /// The JSON-RPC code.
    fn code(&self) -> i32 {
        match self {
            Self::InvalidParams(_) => -32602,
            Self::Elsewhere(_) => -32601,
            Self::NoBlock(_)
            | Self::NoFilter
            | Self::Refused(_)
            | Self::Halted(_)
            | Self::Gone { .. }
            | Self::EngineFault(_) => -32000,
            Self::Limit(_) => -32005,
            // What clients know as "pruned history unavailable" (EIP-4444).
            Self::NotKept(_) => 4444,
            Self::Reverted(_) => 3,
            Self::NotInTime { .. } => 4,
            Self::NonceGap { .. } => 6,
            Self::Simulation { code, .. } => *code,
            Self::Leader(error) => error.code(),
            Self::Node(_) => -32603,
        }
    }

    /// What the client finds under `data`.
    fn data(&self) -> Option<String> {
        match self {
            Self::Reverted(data) => Some(hex::encode_prefixed(data)),
            Self::EngineFault(fault) => Some(fault.name().to_owned()),
            Self::NotInTime { hash, .. } | Self::Gone { hash } => Some(hash.to_string()),
            Self::NonceGap { next, .. } => Some(format!("{next:#x}")),
            _ => None,
        }
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        if let RpcError::Node(why) = &error {
            tracing::error!(%why, "a call failed by this node's fault");
        }
        match error {
            RpcError::Leader(error) => error,
            error => ErrorObjectOwned::owned(error.code(), error.to_string(), error.data()),
        }
    }
}

impl From<ChainError> for RpcError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::UnknownBlock(number) => Self::NoBlock(number.to_string()),
            ChainError::State(error) => error.into(),
            error => Self::Node(error.to_string()),
        }
    }
}

impl From<StateError> for RpcError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::StateNotKept { .. } | StateError::BlockNotKept { .. } => Self::NotKept(error.to_string()),
            error => Self::Node(error.to_string()),
        }
    }
}

impl From<SubmitError> for RpcError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Node(error) => error.into(),
            refusal => Self::Refused(refusal.to_string()),
        }
    }
}

impl From<CallError> for RpcError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused { .. } | CallError::Funds { .. } => Self::Refused(error.to_string()),
            CallError::Overrides(why) => Self::InvalidParams(why.to_string()),
            CallError::Tracer(_) => Self::InvalidParams(error.to_string()),
            CallError::Stopped(_) => Self::Limit(error.to_string()),
            CallError::Node(error) if error.unready().is_some() => {
                Self::Refused(format!("{error}; it is being compiled: ask again"))
            }
            CallError::Node(error) => Self::Node(error.to_string()),
        }
    }
}

impl From<SimulateError> for RpcError {
    fn from(error: SimulateError) -> Self {
        match error {
            SimulateError::Call(error) | SimulateError::Estimate(EstimateError::Call(error)) => error.into(),
            SimulateError::Estimate(EstimateError::Fails(result)) => Self::of(result),
            SimulateError::Order(error) => Self::InvalidParams(error.to_string()),
            SimulateError::Genesis => Self::Refused(error.to_string()),
            SimulateError::Node(error) => error.into(),
        }
    }
}

impl RpcError {
    /// How a simulated call failed.
    pub(crate) fn of(result: SimulationResult) -> Self {
        match result {
            SimulationResult::Revert(data) => Self::Reverted(data),
            SimulationResult::Halt { fault: Some(fault), .. } => Self::EngineFault(fault),
            SimulationResult::Halt { reason, fault: None } => Self::Halted(reason),
            SimulationResult::Return(_) => Self::Node("a call that returned was taken for a failed one".into()),
        }
    }
}

/// What Solidity's own errors say, for people; typed errors are for who has their ABI.
fn reason(data: &[u8]) -> String {
    let revert = Revert::abi_decode(data).map(|revert| format!(": {}", revert.reason));
    revert.or_else(|_| Panic::abi_decode(data).map(|panic| format!(": {panic}"))).unwrap_or_default()
}

/// The data that a simulated call returned, or how it failed.
pub(crate) fn returned(result: SimulationResult) -> Reply<Bytes> {
    match result {
        SimulationResult::Return(data) => Ok(data),
        failed => Err(RpcError::of(failed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: RpcError, code: i32, message: &str, data: Option<&str>) {
        let object = ErrorObjectOwned::from(error);
        assert_eq!(object.code(), code);
        assert_eq!(object.message(), message);
        assert_eq!(object.data().map(|data| data.get().trim_matches('"').to_owned()).as_deref(), data);
    }

    #[test]
    fn errors_read_as_clients_expect() {
        let reason: Bytes = Revert::from("no margin").abi_encode().into();
        check(
            RpcError::Reverted(reason.clone()),
            3,
            "execution reverted: no margin",
            Some(&hex::encode_prefixed(&reason)),
        );
        check(RpcError::Reverted(Bytes::new()), 3, "execution reverted", Some("0x"));
        check(RpcError::EngineFault(Fault::OutOfFuel), -32000, "engine fault: out-of-fuel", Some("out-of-fuel"));
        check(RpcError::InvalidParams("x".into()), -32602, "invalid params: x", None);
    }

    #[test]
    fn a_typed_revert_keeps_its_data_and_gets_no_invented_reason() {
        check(RpcError::Reverted(Bytes::from_static(b"\x03text")), 3, "execution reverted", Some("0x0374657874"));
        let panic: Bytes = Panic { code: alloy_primitives::U256::from(0x11) }.abi_encode().into();
        let object = ErrorObjectOwned::from(RpcError::Reverted(panic));
        assert!(object.message().contains("overflow"), "{}", object.message());
    }
}
