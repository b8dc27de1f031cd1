//! `caldera:engine/state`: the engine's own storage.

use caldera_types::{Fault, limits::MAX_KEY_BYTES};
use wasmtime::{
    Result, StoreContextMut,
    component::{LinkerInstance, WasmList},
};

use crate::{border::Border, guest::Guest};

/// Offers the interface.
pub(crate) fn link(instance: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    instance.func_wrap("get", |store, (key,)| Ok((get(store, key)?,)))?;
    instance.func_wrap("set", |store, (key, value)| set(store, key, value))?;
    instance.func_wrap("remove", |store, (key,)| remove(store, key))
}

fn get(store: StoreContextMut<'_, Guest>, key: WasmList<u8>) -> Result<Option<Vec<u8>>> {
    let border = Border::enter(store, key.len())?;
    let key = border.bytes(&key, MAX_KEY_BYTES, Fault::KeyTooLong)?;
    let (value, gas) = border.act(|host, meter| host.get(key, meter))?;
    border.leave(gas, value.as_ref().map_or(0, Vec::len))?;
    Ok(value)
}

fn set(store: StoreContextMut<'_, Guest>, key: WasmList<u8>, value: WasmList<u8>) -> Result<()> {
    let border = Border::enter(store, key.len().saturating_add(value.len()))?;
    border.must_be_writable()?;
    let key = border.bytes(&key, MAX_KEY_BYTES, Fault::KeyTooLong)?;
    let value = border.bytes(&value, border.guest().limits.value_bytes as usize, Fault::ValueTooLong)?;
    // An empty value is the same as none.
    let ((), gas) = border.act(|host, meter| match value {
        [] => host.remove(key, meter),
        _ => host.set(key, value, meter),
    })?;
    border.leave(gas, 0)
}

fn remove(store: StoreContextMut<'_, Guest>, key: WasmList<u8>) -> Result<()> {
    let border = Border::enter(store, key.len())?;
    border.must_be_writable()?;
    let key = border.bytes(&key, MAX_KEY_BYTES, Fault::KeyTooLong)?;
    let ((), gas) = border.act(|host, meter| host.remove(key, meter))?;
    border.leave(gas, 0)
}
