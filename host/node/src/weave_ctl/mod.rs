//! `caldera weave`: what stands between chains, and how to bring it across by hand.
//!
//! Everything goes through JSON-RPC and the weave engine's Solidity interface, so any wallet or script can do the same. Whoever
//! brings a unit across is trusted with nothing: the destination's engine checks the proof.

mod accept;
mod engine_config;
mod events;
mod line;
mod link;
mod proof;
mod prove;
mod roots;
mod units;

use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256};
use alloy_sol_types::SolCall;
use caldera_execution::registry::{self, abi::IEngineRegistry};
use caldera_types::limits;
use caldera_validation::RegistrationError;
use weave_rules::{abi::Weave as abi, unit::Kind};

pub use accept::{Accepted, accept};
pub use engine_config::EngineConfig;
pub use link::{LinkRequest, Linked, link};
pub use prove::{ProveRequest, Proven, UnitName, prove};
pub use roots::{Roots, roots};
pub use units::{Units, units};

use crate::{
    dev,
    rpc::{Key, KeyError, Rpc, RpcError, Sender, SignedTx},
};

/// What a component of the weave engine calls itself.
const NAME: &str = "weave";

/// Why a weave command failed.
#[derive(Debug, thiserror::Error)]
pub enum WeaveCtlError {
    /// A chain did not answer, or said no.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// There is no key to sign with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Nobody gave a key, and the one that everybody knows is not the right one.
    #[error("no key to sign with: {0}; give it by --key-file FILE or in the environment variable CALDERA_KEY")]
    NoKey(String),
    /// The key is not the governor's.
    #[error(
        "the key is that of {key}, but the weave engine is governed by {governor}: only that account may link chains"
    )]
    NotGovernor {
        /// Whose key was given.
        key: Address,
        /// Whose key is needed.
        governor: Address,
    },
    /// The well-known keys cannot be derived.
    #[error("keys of the test mnemonic: {0}")]
    Keys(#[from] alloy_signer_local::LocalSignerError),
    /// None or more than one, so the command must say which engine it means.
    #[error("say where the weave engine is by --engine ADDRESS: {0} of {1} call themselves weave")]
    WhichEngine(usize, String),
    /// A file of a proof.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: std::io::Error,
    },
    /// It holds no proof.
    #[error("{} holds no unit proof as `caldera weave prove` writes it: {why}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Nothing to bring across.
    #[error(
        "unit {0} is not there, and the proof does not say which right that was: prove it by --kind, --owner and --key, so that \
         the destination can end it"
    )]
    Nameless(B256),
    /// Nobody certifies the origin.
    #[error(
        "nobody certifies chain {0}, so no other chain can believe it: give it validators ([validation] of its node)"
    )]
    NoCommittee(u64),
    /// What the origin says of its committee does not hold.
    #[error("the committee of chain {chain_id} does not hold: {why}")]
    BadCommittee {
        /// Whose.
        chain_id: u64,
        /// Why not.
        why: String,
    },
    /// It is another than was expected.
    #[error(
        "the committee of chain {chain_id} has the root {found}, not {expected}: ask who runs that chain before linking it"
    )]
    OtherCommittee {
        /// Whose.
        chain_id: u64,
        /// What the origin says.
        found: B256,
        /// What was asked for.
        expected: B256,
    },
    /// A chain does not link to itself.
    #[error("both ends are chain {0}: its own units count there already; name another origin")]
    SameChain(u64),
}

impl WeaveCtlError {
    fn bad_committee(chain_id: u64, why: RegistrationError) -> Self {
        Self::BadCommittee { chain_id, why: why.to_string() }
    }
}

/// Where a chain's weave engine is: at the given address, else at the one mount that calls itself so.
async fn engine(rpc: &Rpc, given: Option<Address>) -> Result<Address, WeaveCtlError> {
    if let Some(engine) = given {
        return Ok(engine);
    }
    let mounts = rpc.call(registry::ADDRESS, IEngineRegistry::mountsCall {}).await?;
    let calls: Vec<_> =
        mounts.iter().map(|mount| IEngineRegistry::stagedComponentCall { digest: mount.digest }).collect();
    let staged = rpc.call_many(registry::ADDRESS, &calls).await?;
    let named = mounts.iter().zip(&staged).filter(|(_, staged)| staged.name == NAME).map(|(mount, _)| mount.mount);
    let named: Vec<_> = named.collect();
    match named[..] {
        [only] => Ok(only),
        _ => Err(WeaveCtlError::WhichEngine(named.len(), rpc.endpoint().http.clone())),
    }
}

/// An account that pays for gas: the given key's, else the well-known one on a chain that it governs.
async fn payer(rpc: &Rpc, key_file: Option<&Path>) -> Result<Sender, WeaveCtlError> {
    let key = match Key::find(key_file)? {
        Some(key) => key,
        None => {
            let well_known = Key::new(dev::governor()?);
            if rpc.call(registry::ADDRESS, IEngineRegistry::governorCall {}).await? != well_known.address() {
                return Err(WeaveCtlError::NoKey("any account will do that has funds for gas there".into()));
            }
            well_known
        }
    };
    Ok(Sender::ask(rpc, key.signer().clone()).await?)
}

/// The weave engine's governor: the given key, else the well-known one where that governs.
async fn governor(rpc: &Rpc, engine: Address, key_file: Option<&Path>) -> Result<Sender, WeaveCtlError> {
    let governor = rpc.call(engine, abi::governorCall {}).await?;
    let key = match Key::find(key_file)? {
        Some(key) => key,
        None => {
            let well_known = Key::new(dev::governor()?);
            if well_known.address() != governor {
                return Err(WeaveCtlError::NoKey(format!("the weave engine is governed by {governor}")));
            }
            well_known
        }
    };
    if key.address() != governor {
        return Err(WeaveCtlError::NotGovernor { key: key.address(), governor });
    }
    Ok(Sender::ask(rpc, key.signer().clone()).await?)
}

/// Signs a call that would succeed now. The gas has room for a state that changes until it is in a block.
async fn sign<C: SolCall>(rpc: &Rpc, sender: &mut Sender, engine: Address, call: &C) -> Result<SignedTx, RpcError> {
    let gas = rpc.estimate(sender.address(), engine, call).await?;
    sender.call(engine, call, (gas + gas / 4).min(limits::TX_GAS))
}

/// A kind by its name.
pub fn kind(name: &str) -> Result<Kind, String> {
    match name {
        "asset" => Ok(Kind::Asset),
        "permission" => Ok(Kind::Permission),
        "behaviour" => Ok(Kind::Behaviour),
        _ => Err(format!("'{name}' is no kind of unit: asset, permission or behaviour")),
    }
}

/// A kind's name; its number if it has none.
fn kind_name(code: u8) -> String {
    match Kind::of(code) {
        Some(Kind::Asset) => "asset".to_owned(),
        Some(Kind::Permission) => "permission".to_owned(),
        Some(Kind::Behaviour) => "behaviour".to_owned(),
        None => code.to_string(),
    }
}
