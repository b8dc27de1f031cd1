//! Why a question about execution has no answer: by the caller's doing, unless it says otherwise.

use alloy_primitives::{Address, U256};

use crate::{
    error::{ExecutionError, TxRefusal},
    evm::{BrokenRule, TransactError},
    overrides::OverrideError,
};

/// A call that is no transaction was not run, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// It cannot be what it says.
    #[error("{refusal}")]
    Refused {
        /// Why, in words.
        refusal: TxRefusal,
        /// Which rule it breaks.
        rule: BrokenRule,
    },
    /// Its sender cannot pay.
    #[error("insufficient funds for gas * price + value: address {address} has {balance} want {needs}")]
    Funds {
        /// The sender.
        address: Address,
        /// Wei it has.
        balance: U256,
        /// Wei it would need.
        needs: U256,
    },
    /// What it changes first contradicts itself.
    #[error(transparent)]
    Overrides(#[from] OverrideError),
    /// The tracer is not one of ours, or its configuration does not read.
    #[error("tracer: {0}")]
    Tracer(String),
    /// It was stopped: its time, or the room for its trace, is used up.
    #[error("stopped: {0}")]
    Stopped(&'static str),
    /// The node's fault.
    #[error(transparent)]
    Node(ExecutionError),
}

impl From<ExecutionError> for CallError {
    fn from(error: ExecutionError) -> Self {
        match error {
            ExecutionError::Stopped(why) => Self::Stopped(why),
            error => Self::Node(error),
        }
    }
}

impl From<TransactError> for CallError {
    fn from(error: TransactError) -> Self {
        match error {
            TransactError::Refused(refusal, rule) => Self::Refused { refusal, rule },
            TransactError::Node(error) => error.into(),
        }
    }
}
