//! The three chains of `caldera dev`.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use alloy_primitives::{Address, Bytes, address};
use caldera_api::ApiLimits;
use caldera_chain::{ChainSpec, PoolOptions};
use caldera_engine::Engines;
use caldera_execution::{Genesis, GenesisAccount, GenesisMount};
use caldera_types::{EngineLimits, Grants, limits};

use super::{
    Account, TOKENS,
    accounts::{self, funds},
    clearing, tokens,
    weave::{self, WEAVE},
};
use crate::{
    admin::AdminSpec,
    component::{self, ReadError},
    config::genesis_env,
    node::{CacheSpec, NodeSpec},
    validation::ValidationSpec,
};

/// Name and id of the chain that clears.
pub const FINANCE: (&str, u64) = ("finance", 4201);
/// Name and id of the chain for real-time play.
pub const ARENA: (&str, u64) = ("arena", 4202);
/// Name and id of the chain for data sharing.
pub const ALLIANCE: (&str, u64) = ("alliance", 4203);
/// Name of the chain that another client made, if `caldera dev` is given one.
pub const IMPORTED: &str = "imported";
/// How many chains of its own there are.
pub const CHAINS: usize = 3;
/// Where the clearing engine is mounted on `finance`.
pub const CLEARING: Address = address!("000000000000000000000000000000000000C1EA");
/// Where the hello engine is mounted on the other two.
pub const HELLO: Address = address!("0000000000000000000000000000000000004E11");

/// Why the development chains cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// A plugin's file is missing.
    #[error("{0}; or say where they are by --plugins DIR")]
    Component(#[from] ReadError),
    /// The test tokens do not deploy.
    #[error("test token: {0}")]
    Token(String),
    /// The well-known mnemonic gives no keys.
    #[error("keys of the test mnemonic: {0}")]
    Keys(#[from] alloy_signer_local::LocalSignerError),
}

/// What `dev` runs. Port 0 takes any free one; `engines` runs the tokens' constructors.
pub fn node_spec(
    port: u16,
    plugins: &Path,
    data: PathBuf,
    block_interval: Duration,
    accounts: &[Account],
    engines: &Engines,
) -> Result<NodeSpec, DevError> {
    let governor = accounts.first().map(Account::address).unwrap_or_default();
    let mount = |address, file: &str, grants, config| -> Result<GenesisMount, DevError> {
        let component = component::read(&plugins.join(file))?;
        Ok(GenesisMount { address, component, grants, limits: EngineLimits::recommended(), config })
    };
    let validators = accounts::validators()?;
    let linker = validators.first().map(Account::address).unwrap_or_default();
    let mut chains = Vec::new();
    let all: [(&str, u64); CHAINS] = [FINANCE, ARENA, ALLIANCE];
    for (name, chain_id) in all {
        let (mut state, mounts) = (
            funded(accounts.iter().chain(&validators)),
            vec![
                match name == FINANCE.0 {
                    true => mount(CLEARING, "clearing-v1.wasm", Grants::ENGINE, clearing::config(accounts))?,
                    false => mount(HELLO, "hello-engine.wasm", Grants::ENGINE, Bytes::new())?,
                },
                mount(WEAVE, "weave-v1.wasm", Grants::ALL, weave::config(linker))?,
            ],
        );
        if name == FINANCE.0 {
            let holders: Vec<_> = accounts.iter().map(Account::address).collect();
            for token in &TOKENS {
                state.insert(token.address, tokens::genesis_account(engines, token, governor, &holders)?);
            }
        }
        let env = genesis_env(chain_id, 0, limits::BLOCK_GAS, governor);
        let genesis = Genesis { env, governor, accounts: state, mounts, imported: None, development: true };
        chains.push(ChainSpec { name: name.to_owned(), genesis, block_interval, pool: PoolOptions::recommended() });
    }
    let listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let admin = AdminSpec::local(if port == 0 { 0 } else { AdminSpec::PORT });
    Ok(NodeSpec {
        listen,
        data,
        caches: CacheSpec::default(),
        limits: ApiLimits::recommended(),
        stores: Default::default(),
        admin,
        follow: Default::default(),
        // Once they know each other.
        carry: None,
        validation: Some(ValidationSpec { owners: validators.iter().map(Account::address).collect() }),
        chains,
    })
}

fn funded<'a>(accounts: impl Iterator<Item = &'a Account>) -> BTreeMap<Address, GenesisAccount> {
    let account = |account: &Account| (account.address(), GenesisAccount { balance: funds(), ..Default::default() });
    accounts.map(account).collect()
}
