//! What clients ask about the node itself: `web3_`, `net_`, `txpool_` and the few `eth_` methods of that kind.

use alloy_primitives::U64;
use jsonrpsee_core::RegisterMethodError;
use serde_json::json;

use crate::module::Module;

/// Name and version in the form that Ethereum clients give.
pub(crate) const CLIENT_VERSION: &str = concat!("caldera/v", env!("CARGO_PKG_VERSION"));

/// Adds the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    module.quick("web3_clientVersion", |_, _| Ok(CLIENT_VERSION))?;
    module.quick("net_version", |api, _| Ok(api.chain.chain_id().to_string()))?;
    module.quick("net_listening", |_, _| Ok(true))?;
    module.quick("eth_chainId", |api, _| Ok(U64::from(api.chain.chain_id())))?;
    // Whoever builds the blocks is never behind.
    module.quick("eth_syncing", |_, _| Ok(false))?;
    module.quick("txpool_status", |api, _| {
        let pool = api.chain.pool_status();
        Ok(json!({ "pending": U64::from(pool.pending), "queued": U64::from(pool.queued) }))
    })
}
