//! The `eth_` methods, by noun.

pub(crate) mod blocks;
mod calls;
mod feeds;
mod fees;
mod filters;
pub(crate) mod installed;
mod logs;
pub(crate) mod request;
mod simulate;
mod state;
mod submit_sync;
mod subscriptions;
mod transactions;

use jsonrpsee_core::RegisterMethodError;

use crate::module::Module;

pub(crate) use transactions::{SEND_RAW_TRANSACTION, decode as decode_transaction};

/// Adds them all.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    blocks::register(module)?;
    transactions::register(module)?;
    submit_sync::register(module)?;
    state::register(module)?;
    calls::register(module)?;
    simulate::register(module)?;
    fees::register(module)?;
    logs::register(module)?;
    filters::register(module)?;
    subscriptions::register(module)
}
