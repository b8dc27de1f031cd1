//! `caldera engine`: what runs where on a live chain, and how to change it.
//!
//! What is the chain's goes through its JSON-RPC and its registry's Solidity interface, so any wallet or script can do the
//! same. What is this node's (compiling, shadow runs) goes through its admin API; `stage` and `arm` ask it before they sign.

mod admin;
mod arm;
mod call_back;
mod events;
mod list;
mod shadow;
mod stage;
mod status;
mod watch;

use std::path::PathBuf;

use alloy_primitives::Address;
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use caldera_types::Digest;

pub use admin::{Admin, AdminClientError, AdminPlace};
pub use arm::{ArmRequest, Armed, When, arm};
pub use call_back::{CallBack, CalledBack, call_back};
pub use events::EventLine;
pub use list::{EngineList, list};
pub use shadow::{ShadowCandidate, ShadowStart, Shadowed, shadow_report, shadow_start, shadow_stop};
pub use stage::{Prepared, StageRequest, Staged, prepare, stage, stage_tx};
pub use status::{EngineStatus, status};
pub use watch::{WatchRequest, watch};

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
    /// The node's admin API did not answer, or said no.
    #[error(transparent)]
    Admin(#[from] AdminClientError),
    /// There is no key to sign with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The component's file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The component fails its checks here, so it would fail them on the chain.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The same, as the node says it.
    #[error("component {digest} is rejected: {why}")]
    Rejected {
        /// Which.
        digest: Digest,
        /// Why.
        why: String,
    },
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
    /// No component was named, and a change of the configuration alone needs a mount that has one.
    #[error(
        "no engine is mounted at {0}, so there is none whose configuration could change: name a component by --digest"
    )]
    NothingMounted(Address),
    /// A file for a configuration or a report.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: std::io::Error,
    },
    /// A watched swap did not end in a new generation.
    #[error("block {block}: {name}: {text}")]
    SwapFailed {
        /// When.
        block: u64,
        /// What happened.
        name: &'static str,
        /// To whom, and how.
        text: String,
    },
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

/// What a weave engine calls itself. Every chain that takes part has one beside the engine that it is for.
const BESIDE: &str = "weave";

/// The mount that is meant: the given one, else the only one, or the only one beside the weave engine.
async fn which_mount(rpc: &Rpc, given: Option<Address>) -> Result<Address, CtlError> {
    if let Some(mount) = given {
        return Ok(mount);
    }
    let mounts = rpc.call(registry::ADDRESS, abi::mountsCall {}).await?;
    match mounts.as_slice() {
        [mount] => Ok(mount.mount),
        [] => Err(CtlError::WhichMount("none yet".to_owned())),
        many => {
            let mut others = Vec::new();
            for mount in many {
                let staged = rpc.call(registry::ADDRESS, abi::stagedComponentCall { digest: mount.digest }).await?;
                if staged.name != BESIDE {
                    others.push(mount.mount);
                }
            }
            if let [mount] = others[..] {
                return Ok(mount);
            }
            Err(CtlError::WhichMount(many.iter().map(|mount| mount.mount.to_string()).collect::<Vec<_>>().join(", ")))
        }
    }
}
