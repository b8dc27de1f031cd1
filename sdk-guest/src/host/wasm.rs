//! The port on `wasm32`: WIT imports.
//!
//! Words and numbers are records of integers that lie in memory as the typed ones do, so turning one into the other is
//! next to nothing.

use alloy_primitives::{Address, B256, U256};

use crate::bindings::{
    self,
    caldera::{engine as wit, verify},
};
use crate::contract::CallError;
use crate::log::Level;
use crate::verify::{Domain, ProofFailure};
use crate::{BlockEnv, BlockSummary, CallEnv, Migrated, Migration};
use wit::types::{Uint256, Word};

/// Most topics of a log.
const MAX_TOPICS: usize = 4;

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
    wit::evm::call(to.into(), value.into(), input, gas).map_err(CallError::from)
}

pub(crate) fn static_call(to: Address, input: &[u8], gas: u64) -> Result<Vec<u8>, CallError> {
    wit::evm::static_call(to.into(), input, gas).map_err(CallError::from)
}

pub(crate) fn emit(topics: &[B256], data: &[u8]) {
    let mut words = [Word::from(B256::ZERO); MAX_TOPICS];
    // More than the node takes is its fault to name: then all of them go.
    match words.get_mut(..topics.len()) {
        Some(words) => {
            words.iter_mut().zip(topics).for_each(|(word, topic)| *word = (*topic).into());
            wit::evm::emit(words, data);
        }
        None => wit::evm::emit(&topics.iter().map(|topic| Word::from(*topic)).collect::<Vec<_>>(), data),
    }
}

pub(crate) fn balance(account: Address) -> U256 {
    wit::evm::balance(account.into()).into()
}

pub(crate) fn keccak256(data: &[u8]) -> B256 {
    wit::crypto::keccak256(data).into()
}

pub(crate) fn recover(digest: B256, signature: &[u8]) -> Option<Address> {
    wit::crypto::recover_secp256k1(digest.into(), signature).map(Address::from)
}

pub(crate) fn verify_ed25519(public_key: B256, message: &[u8], signature: &[u8]) -> bool {
    wit::crypto::verify_ed25519(public_key.into(), message, signature)
}

pub(crate) fn bls_verify(domain: Domain, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    verify::bls::verify(domain.into(), public_key, message, signature)
}

pub(crate) fn bls_verify_all(domain: Domain, public_keys: &[u8], message: &[u8], signature: &[u8]) -> bool {
    verify::bls::fast_aggregate_verify(domain.into(), public_keys, message, signature)
}

pub(crate) fn bls_verify_possession(public_key: &[u8], proof: &[u8]) -> bool {
    verify::bls::verify_possession(public_key, proof)
}

pub(crate) fn mpt_get(root: B256, key: &[u8], nodes: &[u8]) -> Result<Option<Vec<u8>>, ProofFailure> {
    verify::mpt::get(root.into(), key, nodes).map_err(|failure| match failure {
        verify::mpt::Failure::Malformed => ProofFailure::Malformed,
        verify::mpt::Failure::WrongNode => ProofFailure::WrongNode,
        verify::mpt::Failure::MissingNode => ProofFailure::MissingNode,
        verify::mpt::Failure::SurplusNode => ProofFailure::SurplusNode,
    })
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

impl From<Domain> for verify::bls::Domain {
    fn from(domain: Domain) -> Self {
        match domain {
            Domain::Possession => Self::Possession,
            Domain::Certificate => Self::Certificate,
            Domain::Handover => Self::Handover,
        }
    }
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

impl From<Address> for wit::types::Address {
    fn from(address: Address) -> Self {
        let [a, b, c, d, e] = array_chunks::<4, 5>(address.as_slice()).map(u32::from_le_bytes);
        let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        Self { b0: join(a, b), b8: join(c, d), b16: e }
    }
}

impl From<wit::types::Address> for Address {
    fn from(address: wit::types::Address) -> Self {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&address.b0.to_le_bytes());
        bytes[8..16].copy_from_slice(&address.b8.to_le_bytes());
        bytes[16..].copy_from_slice(&address.b16.to_le_bytes());
        Self::new(bytes)
    }
}

impl From<B256> for Word {
    fn from(word: B256) -> Self {
        let [b0, b8, b16, b24] = array_chunks::<8, 4>(word.as_slice()).map(u64::from_le_bytes);
        Self { b0, b8, b16, b24 }
    }
}

impl From<Word> for B256 {
    fn from(word: Word) -> Self {
        let mut bytes = [0; 32];
        for (bytes, field) in bytes.chunks_exact_mut(8).zip([word.b0, word.b8, word.b16, word.b24]) {
            bytes.copy_from_slice(&field.to_le_bytes());
        }
        Self::new(bytes)
    }
}

impl From<U256> for Uint256 {
    fn from(number: U256) -> Self {
        let [l0, l1, l2, l3] = number.into_limbs();
        Self { l0, l1, l2, l3 }
    }
}

impl From<Uint256> for U256 {
    fn from(number: Uint256) -> Self {
        Self::from_limbs([number.l0, number.l1, number.l2, number.l3])
    }
}

/// The first `N` pieces of `B` bytes. Every caller has that many.
fn array_chunks<const B: usize, const N: usize>(bytes: &[u8]) -> [[u8; B]; N] {
    let (chunks, _) = bytes.as_chunks::<B>();
    core::array::from_fn(|index| chunks[index])
}

impl From<bindings::BlockEnv> for BlockEnv {
    fn from(block: bindings::BlockEnv) -> Self {
        Self {
            chain_id: block.chain_id,
            number: block.number,
            timestamp_s: block.timestamp_s,
            prev_randao: block.prev_randao.into(),
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
            caller: env.caller.into(),
            origin: env.origin.into(),
            this: env.self_address.into(),
            value: env.value.into(),
            is_static: env.static_call,
            gas_left: env.gas_left,
            block: env.block.into(),
        }
    }
}
