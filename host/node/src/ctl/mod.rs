//! `caldera engine`: what runs where on a live chain, and how to change it. All of it goes through the chain's own
//! JSON-RPC and its registry's Solidity interface, so any wallet or script can do the same.

mod arm;
mod list;
mod stage;
mod status;

use std::path::PathBuf;

use alloy_primitives::Address;
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};

pub use arm::{ArmRequest, Armed, When, arm};
pub use list::{EngineList, list};
pub use stage::{StageRequest, Staged, stage, stage_tx};
pub use status::{EngineStatus, status};

use crate::{
    check::CheckError,
    component::ReadError,
    dev,
    rpc::{Key, KeyError, Rpc, RpcError, Sender},
};

/// Why an engine command failed.
#[derive(Debug, thiserror::Error)]
pub enum CtlError {
    /// The chain did not answer, or said no.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// There is no key to sign with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The component's file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The component fails its checks here, so it would fail them on the chain.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The key is not the governor's.
    #[error("the key is that of {key}, but the chain is governed by {governor}: only that account may do this")]
    NotGovernor {
        /// Whose key was given.
        key: Address,
        /// Whose key is needed.
        governor: Address,
    },
    /// Nothing is mounted, or too much, so the command must say which mount it means.
    #[error("say which mount is meant by --mount ADDRESS; this chain has: {0}")]
    WhichMount(String),
    /// The well-known keys cannot be derived.
    #[error("keys of the test mnemonic: {0}")]
    Keys(#[from] alloy_signer_local::LocalSignerError),
}

/// The account that acts for the chain's governor: the given key, else the well-known one where that governs.
async fn governor(rpc: &Rpc, key_file: Option<&PathBuf>) -> Result<Sender, CtlError> {
    let governor = rpc.call(registry::ADDRESS, abi::governorCall {}).await?;
    let key = match Key::find(key_file.map(PathBuf::as_path))? {
        Some(key) => key,
        None => {
            let well_known = Key::new(dev::governor()?);
            if well_known.address() != governor {
                return Err(KeyError::None(governor).into());
            }
            well_known
        }
    };
    if key.address() != governor {
        return Err(CtlError::NotGovernor { key: key.address(), governor });
    }
    Ok(Sender::ask(rpc, key.signer().clone()).await?)
}
