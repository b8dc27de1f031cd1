//! `caldera:engine/log`: local diagnostics.

use caldera_types::limits::MAX_MESSAGE_BYTES;
use wasmtime::{
    Result, StoreContextMut,
    component::{LinkerInstance, WasmStr},
};

use crate::{bindings::caldera::engine::log::Level, border::Border, guest::Guest, port::LogLevel};

/// Messages of one call that are kept; a transaction could pay for tens of thousands.
const MESSAGES_KEPT: u32 = 64;

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
    let guest = border.store().data_mut();
    let is_kept = guest.messages < MESSAGES_KEPT;
    guest.messages = guest.messages.saturating_add(1);
    if is_kept {
        let kept = &message[..message.floor_char_boundary(MAX_MESSAGE_BYTES)];
        border.act(|host, _| {
            host.log(level, kept);
            Ok(())
        })?;
    }
    border.leave(0, message.len())
}
