//! `caldera:engine/evm`: calls, logs and balances.

use alloy_primitives::{B256, U256};
use caldera_types::{
    Fault,
    limits::{MAX_LOG_DATA_BYTES, MAX_LOG_TOPICS, MAX_OUTPUT_BYTES},
};
use wasmtime::{
    Result, StoreContextMut,
    component::{LinkerInstance, WasmList},
};

use crate::{
    bindings::caldera::engine::{
        evm::CallFailure,
        types::{Address, Uint256, Word},
    },
    border::Border,
    fault::Stop,
    guest::Guest,
    port::{Subcall, SubcallResult},
};

type CallResult = Result<Vec<u8>, CallFailure>;

/// Offers the interface.
pub(crate) fn link(instance: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    instance.func_wrap("call", |store, (to, value, input, gas)| Ok((call(store, to, Some(value), input, gas)?,)))?;
    instance.func_wrap("static-call", |store, (to, input, gas)| Ok((call(store, to, None, input, gas)?,)))?;
    instance.func_wrap("emit", |store, (topics, data)| emit(store, topics, data))?;
    instance.func_wrap("balance", |store, (of,)| Ok((balance(store, of)?,)))
}

/// A call; without a value it is static.
fn call(
    store: StoreContextMut<'_, Guest>,
    to: Address,
    value: Option<Uint256>,
    input: WasmList<u8>,
    gas: u64,
) -> Result<CallResult> {
    let border = Border::enter(store, input.len())?;
    let amount = value.map_or(U256::ZERO, Into::into);
    if !amount.is_zero() {
        border.must_be_payer()?;
    }
    let is_static = border.guest().mode.calls_are_static || value.is_none();
    let input = border.bytes(&input, MAX_OUTPUT_BYTES, Fault::BadLength)?;
    let (result, used) =
        border.act(|host, meter| host.call(Subcall { to: to.into(), value: amount, input, gas, is_static }, meter))?;
    let result = match result {
        SubcallResult::Return(data) => Ok(data.into()),
        SubcallResult::Revert(data) => Err(CallFailure::Revert(data.into())),
        SubcallResult::Halt(reason) => Err(CallFailure::Halt(reason)),
        SubcallResult::TooDeep => Err(CallFailure::TooDeep),
        SubcallResult::InsufficientBalance => Err(CallFailure::InsufficientBalance),
    };
    border.leave(used, answer_bytes(&result))?;
    Ok(result)
}

/// Bytes that the guest is handed.
fn answer_bytes(result: &CallResult) -> usize {
    match result {
        Ok(data) | Err(CallFailure::Revert(data)) => data.len(),
        Err(CallFailure::Halt(reason)) => reason.len(),
        Err(CallFailure::TooDeep | CallFailure::InsufficientBalance) => 0,
    }
}

fn emit(store: StoreContextMut<'_, Guest>, topics: WasmList<Word>, data: WasmList<u8>) -> Result<()> {
    let mut border = Border::enter(store, data.len().saturating_add(topics.len().saturating_mul(B256::len_bytes())))?;
    border.must_be_writable()?;
    if topics.len() > MAX_LOG_TOPICS {
        return Err(Stop::Fault(Fault::TooManyTopics).into());
    }
    let mut words = [B256::ZERO; MAX_LOG_TOPICS];
    for (index, word) in words.iter_mut().enumerate().take(topics.len()) {
        if let Some(topic) = topics.get(&mut *border.store(), index) {
            *word = topic?.into();
        }
    }
    let data = border.bytes(&data, MAX_LOG_DATA_BYTES, Fault::LogTooLong)?;
    let ((), gas) = border.act(|host, meter| host.emit(&words[..topics.len()], data, meter))?;
    border.leave(gas, 0)
}

fn balance(store: StoreContextMut<'_, Guest>, of: Address) -> Result<Uint256> {
    let border = Border::enter(store, 0)?;
    let (balance, gas) = border.act(|host, meter| host.balance(of.into(), meter))?;
    border.leave(gas, 0)?;
    Ok(balance.into())
}
