//! What tests ask of a development chain, by the names that Foundry and Hardhat have for it. Any other chain refuses each of
//! them by name. What differs from anvil and Hardhat is in `DEVIATIONS.md`.

mod drop;
mod edits;
mod impersonate;
mod keys;
mod mining;
mod number;
mod send;
mod sign;
mod snapshots;

use caldera_chain::DevError;
use jsonrpsee_core::RegisterMethodError;

use crate::{errors::RpcError, module::Module};

pub(crate) use keys::Keys;

/// Adds them all, or what refuses them.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    keys::register(module)?;
    send::register(module)?;
    sign::register(module)?;
    mining::register(module)?;
    snapshots::register(module)?;
    edits::register(module)?;
    drop::register(module)?;
    impersonate::register(module)
}

impl From<DevError> for RpcError {
    fn from(error: DevError) -> Self {
        match error {
            DevError::NotDevelopment
            | DevError::Follows(_)
            | DevError::Past { .. }
            | DevError::Time
            | DevError::Refused(_) => Self::InvalidParams(error.to_string()),
            DevError::TooMany { .. } => Self::Limit(error.to_string()),
            DevError::Halted(_) => Self::Refused(error.to_string()),
            DevError::Chain(error) => error.into(),
        }
    }
}
