//! The port on `wasm32`: WIT imports.
//!
//! The host always answers with words of the right length; if it did not, the guest would trap, which is a halt.

use alloy_primitives::{Address, B256, U256};

use crate::bindings::{self, caldera::engine as wit};
use crate::contract::CallError;
use crate::log::Level;
use crate::{BlockEnv, BlockSummary, CallEnv, Migrated, Migration};

pub(crate) fn get(key: &[u8]) -> Option<Vec<u8>> {
    wit::state::get(key)
}

pub(crate) fn set(key: &[u8], value: &[u8]) {
    wit::state::set(key, value);
}

pub(crate) fn remove(key: &[u8]) {
    wit::state::remove(key);
}

pub(crate) fn call(to: Address, value: U256, input: &[u8], gas: u64) -> Result<Vec<u8>, CallError> {
    wit::evm::call(to.as_slice(), &value.to_be_bytes::<32>(), input, gas).map_err(CallError::from)
}

pub(crate) fn static_call(to: Address, input: &[u8], gas: u64) -> Result<Vec<u8>, CallError> {
    wit::evm::static_call(to.as_slice(), input, gas).map_err(CallError::from)
}

pub(crate) fn emit(topics: &[B256], data: &[u8]) {
    let topics: Vec<Vec<u8>> = topics.iter().map(|topic| topic.to_vec()).collect();
    wit::evm::emit(&topics, data);
}

pub(crate) fn balance(account: Address) -> U256 {
    U256::from_be_slice(&wit::evm::balance(account.as_slice()))
}

pub(crate) fn keccak256(data: &[u8]) -> B256 {
    B256::from_slice(&wit::crypto::keccak256(data))
}

pub(crate) fn recover(digest: B256, signature: &[u8]) -> Option<Address> {
    wit::crypto::recover_secp256k1(digest.as_slice(), signature).map(|signer| Address::from_slice(&signer))
}

pub(crate) fn verify_ed25519(public_key: B256, message: &[u8], signature: &[u8]) -> bool {
    wit::crypto::verify_ed25519(public_key.as_slice(), message, signature)
}

pub(crate) fn log(level: Level, message: &str) {
    let level = match level {
        Level::Error => wit::log::Level::Error,
        Level::Warn => wit::log::Level::Warn,
        Level::Info => wit::log::Level::Info,
        Level::Debug => wit::log::Level::Debug,
    };
    wit::log::write(level, message);
}

/// Makes a panic log its message and place before it becomes a trap.
pub(crate) fn hook_panics() {
    #[cfg(feature = "panic-log")]
    std::panic::set_hook(Box::new(|panic| log(Level::Error, &panic.to_string())));
}

impl From<wit::evm::CallFailure> for CallError {
    fn from(failure: wit::evm::CallFailure) -> Self {
        match failure {
            wit::evm::CallFailure::Revert(data) => Self::Reverted(data),
            wit::evm::CallFailure::Halt(reason) => Self::Halted(reason),
            wit::evm::CallFailure::TooDeep => Self::TooDeep,
            wit::evm::CallFailure::InsufficientBalance => Self::InsufficientBalance,
        }
    }
}

impl From<bindings::BlockEnv> for BlockEnv {
    fn from(block: bindings::BlockEnv) -> Self {
        Self {
            chain_id: block.chain_id,
            number: block.number,
            timestamp_s: block.timestamp_s,
            prev_randao: B256::from_slice(&block.prev_randao),
        }
    }
}

impl From<bindings::BlockSummary> for BlockSummary {
    fn from(summary: bindings::BlockSummary) -> Self {
        Self { transactions: summary.transactions, gas_used: summary.gas_used }
    }
}

impl From<bindings::Migration> for Migration {
    fn from(step: bindings::Migration) -> Self {
        Self { from: step.from_state_version, to: step.to_state_version, cursor: step.cursor }
    }
}

impl From<Migrated> for bindings::Migrated {
    fn from(migrated: Migrated) -> Self {
        match migrated {
            Migrated::Done => Self::Done,
            Migrated::More(progress) => {
                Self::More(wit::types::Progress { cursor: progress.cursor, done: progress.done, total: progress.total })
            }
        }
    }
}

impl From<bindings::CallEnv> for CallEnv {
    fn from(env: bindings::CallEnv) -> Self {
        Self {
            caller: Address::from_slice(&env.caller),
            origin: Address::from_slice(&env.origin),
            this: Address::from_slice(&env.self_address),
            value: U256::from_be_slice(&env.value),
            is_static: env.static_call,
            gas_left: env.gas_left,
            block: env.block.into(),
        }
    }
}
