//! The port to the node on the test chain: the same functions as the WIT imports, with the same faults.

use alloy_primitives::{Address, B256, Signature, U256};
use ed25519_dalek::VerifyingKey;

use super::{
    Failure, bls, trie,
    world::{Log, enter, halt, too_deep, with},
};
use crate::{
    CallEnv,
    contract::CallError,
    log::Level,
    verify::{Domain, ProofFailure},
};

/// Longest key, as the node has it.
const MAX_KEY_BYTES: usize = 256;
/// Longest value, as the node has it.
const MAX_VALUE_BYTES: usize = 24 * 1024;
/// Longest data of a log, as the node has it.
const MAX_LOG_DATA_BYTES: usize = 64 * 1024;

pub(crate) fn get(key: &[u8]) -> Option<Vec<u8>> {
    check_key(key);
    with(|world| {
        world.accesses.reads += 1;
        world.storage.get(&world.frame().this)?.get(key).cloned()
    })
}

pub(crate) fn set(key: &[u8], value: &[u8]) {
    if value.len() > MAX_VALUE_BYTES {
        halt("value-too-long");
    }
    write(key, (!value.is_empty()).then(|| value.to_vec()));
}

pub(crate) fn remove(key: &[u8]) {
    write(key, None);
}

fn write(key: &[u8], value: Option<Vec<u8>>) {
    check_key(key);
    check_writable();
    with(|world| {
        world.accesses.writes += 1;
        world.write(key, value);
    });
}

pub(crate) fn call(to: Address, value: U256, input: &[u8], gas: u64) -> Result<Vec<u8>, CallError> {
    if !value.is_zero() && with(|world| world.frame().calls_are_static) {
        halt("static-write");
    }
    sub_call(to, value, input, gas, false)
}

pub(crate) fn static_call(to: Address, input: &[u8], gas: u64) -> Result<Vec<u8>, CallError> {
    sub_call(to, U256::ZERO, input, gas, true)
}

fn sub_call(to: Address, value: U256, input: &[u8], gas: u64, is_static: bool) -> Result<Vec<u8>, CallError> {
    if too_deep() {
        return Err(CallError::TooDeep);
    }
    let env = with(|world| {
        let frame = world.frame();
        CallEnv {
            caller: frame.this,
            origin: world.origin,
            this: to,
            value,
            is_static: is_static || frame.calls_are_static,
            gas_left: gas.min(world.gas_left - world.gas_left / 64),
            block: world.block.clone(),
        }
    });
    if with(|world| world.balance(env.caller)) < value {
        return Err(CallError::InsufficientBalance);
    }
    enter(&env, input).map_err(|failure| match failure {
        Failure::Reverted(revert) => CallError::Reverted(revert.into_data()),
        Failure::Halted(reason) => CallError::Halted(reason),
    })
}

pub(crate) fn emit(topics: &[B256], data: &[u8]) {
    check_writable();
    if topics.len() > 4 {
        halt("too-many-topics");
    }
    if data.len() > MAX_LOG_DATA_BYTES {
        halt("log-too-long");
    }
    with(|world| {
        let address = world.frame().this;
        world.logs.push(Log { address, topics: topics.to_vec(), data: data.to_vec() });
    });
}

pub(crate) fn balance(account: Address) -> U256 {
    with(|world| world.balance(account))
}

pub(crate) fn keccak256(data: &[u8]) -> B256 {
    alloy_primitives::keccak256(data)
}

pub(crate) fn recover(digest: B256, signature: &[u8]) -> Option<Address> {
    let (rs, v) = signature.split_at_checked(64)?;
    let odd = match v {
        [0 | 27] => false,
        [1 | 28] => true,
        _ => return None,
    };
    let signature = Signature::from_bytes_and_parity(rs, odd);
    // `normalize_s` gives something exactly when s is in the upper half.
    if signature.normalize_s().is_some() {
        return None;
    }
    signature.recover_address_from_prehash(&digest).ok()
}

pub(crate) fn verify_ed25519(public_key: B256, message: &[u8], signature: &[u8]) -> bool {
    let key = VerifyingKey::from_bytes(&public_key.0);
    let signature = ed25519_dalek::Signature::from_slice(signature);
    matches!((key, signature), (Ok(key), Ok(signature)) if key.verify_strict(message, &signature).is_ok())
}

pub(crate) fn bls_verify(domain: Domain, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    bls::verify_all(domain, public_key, message, signature)
}

pub(crate) fn bls_verify_all(domain: Domain, public_keys: &[u8], message: &[u8], signature: &[u8]) -> bool {
    bls::verify_all(domain, public_keys, message, signature)
}

pub(crate) fn bls_verify_possession(public_key: &[u8], proof: &[u8]) -> bool {
    bls::verify_all(Domain::Possession, public_key, public_key, proof)
}

pub(crate) fn mpt_get(root: B256, key: &[u8], nodes: &[u8]) -> Result<Option<Vec<u8>>, ProofFailure> {
    trie::get(root, key, nodes)
}

pub(crate) fn log(level: Level, message: &str) {
    with(|world| world.messages.push((level, message.into())));
}

fn check_key(key: &[u8]) {
    if key.len() > MAX_KEY_BYTES {
        halt("key-too-long");
    }
}

fn check_writable() {
    if with(|world| world.frame().is_static) {
        halt("static-write");
    }
}
