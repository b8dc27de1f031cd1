//! `caldera:engine/log`: local diagnostics.

use caldera_types::limits::MAX_MESSAGE_BYTES;
use wasmtime::{
    Result, StoreContextMut,
    component::{LinkerInstance, WasmStr},
};

use crate::{bindings::caldera::engine::log::Level, border::Border, guest::Guest, port::LogLevel};

/// Offers the interface.
pub(crate) fn link(instance: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    instance.func_wrap("write", |store, (level, message)| write(store, level, message))
}

/// The message is judged and charged whole on every node, whatever this node keeps of it.
fn write(store: StoreContextMut<'_, Guest>, level: Level, message: WasmStr) -> Result<()> {
    let mut border = Border::enter(store, 0)?;
    let message = message.to_str(&mut *border.store())?.into_owned();
    let level = match level {
        Level::Error => LogLevel::Error,
        Level::Warn => LogLevel::Warn,
        Level::Info => LogLevel::Info,
        Level::Debug => LogLevel::Debug,
    };
    let kept = &message[..message.floor_char_boundary(MAX_MESSAGE_BYTES)];
    let ((), gas) = border.act(|host, _| {
        host.log(level, kept);
        Ok(())
    })?;
    border.leave(gas, message.len())
}
