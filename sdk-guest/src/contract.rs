//! The chain around the engine: typed calls to other contracts and engines, events and balances.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolCall, SolEvent, abi::AbiDecoderConfig};

use crate::{Revert, host};

/// How a call to another contract failed. What the callee wrote is undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// The callee reverted, with its revert data.
    Reverted(Vec<u8>),
    /// The callee halted (out of gas, a fault, an invalid opcode); the gas given to it is gone.
    Halted(String),
    /// Not made: the mount's sub-call depth is used up.
    TooDeep,
    /// Not made: the engine's account holds less than the value.
    InsufficientBalance,
    /// The callee returned something that is no encoding of the declared return type. An address without code returns
    /// nothing, which is this error for every function that returns something and success for all others.
    BadReturn,
}

/// A failed call with its target. `?` in a function that returns [`Revert`] passes the callee's revert data on, as
/// Solidity does, and turns the rest into the typed error `CallFailed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractError {
    /// Who was called.
    pub to: Address,
    /// How it failed.
    pub error: CallError,
}

impl From<ContractError> for Revert {
    fn from(failure: ContractError) -> Self {
        match failure.error {
            CallError::Reverted(data) => Self::from_data(data),
            CallError::Halted(reason) => Self::call_failed(failure.to, &reason),
            CallError::TooDeep => Self::call_failed(failure.to, "too-deep"),
            CallError::InsufficientBalance => Self::call_failed(failure.to, "insufficient-balance"),
            CallError::BadReturn => Self::call_failed(failure.to, "bad-return"),
        }
    }
}

impl From<ContractError> for String {
    fn from(failure: ContractError) -> Self {
        Revert::from(failure).into()
    }
}

/// A contract or an engine at an address: `contract(token).call(&IERC20::transferCall { to, amount })?`.
#[derive(Clone, Copy, Debug)]
pub struct Contract {
    address: Address,
    value: U256,
    gas: u64,
}

/// The contract at `address`, to be called with all the gas there is (EIP-150 keeps 1/64 back) and no value.
pub fn contract(address: Address) -> Contract {
    Contract { address, value: U256::ZERO, gas: u64::MAX }
}

impl Contract {
    /// Sends wei with the call.
    pub fn value(self, value: U256) -> Self {
        Self { value, ..self }
    }

    /// Gives the call at most this much gas. Bound it when the callee is not trusted.
    pub fn gas(self, gas: u64) -> Self {
        Self { gas, ..self }
    }

    /// Calls a function. The callee may call this engine again before it returns: write your state first.
    pub fn call<C: SolCall>(self, call: &C) -> Result<C::Return, ContractError> {
        self.decode::<C>(host::call(self.address, self.value, &call.abi_encode(), self.gas))
    }

    /// Calls a function read-only: nothing below can write. A value set by [`Self::value`] is not sent.
    pub fn view<C: SolCall>(self, call: &C) -> Result<C::Return, ContractError> {
        self.decode::<C>(host::static_call(self.address, &call.abi_encode(), self.gas))
    }

    /// Calls with raw input. A plain transfer of wei has none.
    pub fn call_raw(self, input: &[u8]) -> Result<Vec<u8>, ContractError> {
        host::call(self.address, self.value, input, self.gas).map_err(|error| self.failed(error))
    }

    /// Calls with raw input, read-only.
    pub fn view_raw(self, input: &[u8]) -> Result<Vec<u8>, ContractError> {
        host::static_call(self.address, input, self.gas).map_err(|error| self.failed(error))
    }

    fn decode<C: SolCall>(self, returned: Result<Vec<u8>, CallError>) -> Result<C::Return, ContractError> {
        let data = returned.map_err(|error| self.failed(error))?;
        C::abi_decode_returns_with_config(&data, AbiDecoderConfig::new().validate(true))
            .map_err(|_| self.failed(CallError::BadReturn))
    }

    fn failed(self, error: CallError) -> ContractError {
        ContractError { to: self.address, error }
    }
}

/// Emits an event from the engine's address.
pub fn emit<E: SolEvent>(event: &E) {
    let topics: Vec<B256> = event.encode_topics().into_iter().map(|topic| topic.0).collect();
    host::emit(&topics, &event.encode_data());
}

/// An account's balance in wei.
pub fn balance_of(account: Address) -> U256 {
    host::balance(account)
}
