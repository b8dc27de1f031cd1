//! `caldera.toml`: what `caldera node` runs.
//!
//! Every key is documented here and in `host/node/caldera.example.toml`; a test holds the two together. Unknown keys are
//! refused with the nearest known one, because a misspelt limit that is silently ignored is worse than a node that
//! does not start. Paths are relative to the file they stand in.

mod admin;
mod chain;
mod compile;
mod error;
mod history;
mod mount;
mod pool;
mod rpc_limits;
mod validation;
mod weave;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use caldera_state::StateOptions;
use serde::Deserialize;

pub use admin::AdminConfig;
pub use chain::{AccountConfig, ChainConfig, StoreConfig, genesis_env, imported_spec};
pub use compile::CompileConfig;
pub use error::ConfigError;
pub use history::HistoryConfig;
pub use mount::{LimitsConfig, MountConfig};
pub use pool::PoolConfig;
pub use rpc_limits::RpcLimitsConfig;
pub use validation::ValidationConfig;
pub use weave::{LinkConfig, WeaveConfig};

use crate::{
    node::{CacheSpec, NodeSpec},
    paths,
};

/// The whole file.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Where JSON-RPC is served, over HTTP and WebSocket on one port. Port 0 takes any free one. The interface has no
    /// passwords: keep it on a loopback address or behind a proxy.
    #[serde(default = "recommended_listen")]
    pub listen: SocketAddr,
    /// Folder of all chains' data, one folder for each chain in it.
    #[serde(default = "paths::data_folder")]
    pub data: PathBuf,
    /// Time from one block to the next, in milliseconds, for chains that do not set their own.
    #[serde(default = "recommended_interval_ms")]
    pub block_interval_ms: u64,
    /// Page cache of each chain's database, in MiB.
    #[serde(default = "recommended_cache_mib")]
    pub cache_mib: u64,
    /// Trie nodes of each chain in memory at most, in MiB.
    #[serde(default = "recommended_node_cache_mib")]
    pub node_cache_mib: usize,
    /// What clients may ask of the JSON-RPC interface.
    #[serde(default)]
    pub limits: RpcLimitsConfig,
    /// The port for operators.
    #[serde(default)]
    pub admin: AdminConfig,
    /// What the compiler of engines may use.
    #[serde(default)]
    pub compile: CompileConfig,
    /// How each chain keeps the transactions that wait for a block.
    #[serde(default)]
    pub pool: PoolConfig,
    /// The validators that this node runs.
    #[serde(default)]
    pub validation: ValidationConfig,
    /// What it carries between its chains.
    #[serde(default)]
    pub weave: WeaveConfig,
    /// The chains.
    #[serde(default, rename = "chain")]
    pub chains: Vec<ChainConfig>,
}

fn recommended_listen() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8545)
}

fn recommended_interval_ms() -> u64 {
    1_000
}

fn recommended_cache_mib() -> u64 {
    CacheSpec::default().page_bytes >> 20
}

fn recommended_node_cache_mib() -> usize {
    CacheSpec::default().node_bytes >> 20
}

impl Config {
    /// What suits a node that has nothing special: loopback, one block per second, no chain yet.
    pub fn recommended() -> Self {
        Self {
            listen: recommended_listen(),
            data: paths::data_folder(),
            block_interval_ms: recommended_interval_ms(),
            cache_mib: recommended_cache_mib(),
            node_cache_mib: recommended_node_cache_mib(),
            limits: RpcLimitsConfig::default(),
            admin: AdminConfig::default(),
            compile: CompileConfig::default(),
            pool: PoolConfig::default(),
            validation: ValidationConfig::default(),
            weave: WeaveConfig::default(),
            chains: Vec::new(),
        }
    }

    /// Reads a file, and makes its paths absolute.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let mut config = Self::parse(&text, path)?;
        let folder = std::path::absolute(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default();
        config.resolve(&folder);
        Ok(config)
    }

    /// Reads the text of a file; `path` is for messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::from_toml(path, text, &error))?;
        config.check(path)?;
        Ok(config)
    }

    /// The chain of that name.
    pub fn chain(&self, name: &str) -> Result<&ChainConfig, ConfigError> {
        self.chains.iter().find(|chain| chain.name == name).ok_or_else(|| ConfigError::NoSuchChain {
            name: name.to_owned(),
            known: self.chains.iter().map(|chain| chain.name.clone()).collect(),
        })
    }

    /// How a chain keeps its state.
    pub fn state_options(&self, name: &str) -> Result<StateOptions, ConfigError> {
        Ok(self.chain(name)?.state().options(self.caches()))
    }

    /// A number that is too large for a machine is no limit.
    fn caches(&self) -> CacheSpec {
        let (pages, nodes) = (self.cache_mib, self.node_cache_mib);
        CacheSpec { page_bytes: pages.saturating_mul(1 << 20), node_bytes: nodes.saturating_mul(1 << 20) }
    }

    /// What the node starts from: components are read here.
    pub fn spec(&self) -> Result<NodeSpec, ConfigError> {
        let chains = self.chains.iter().map(|chain| chain.spec(self.block_interval_ms, self.pool.options()));
        Ok(NodeSpec {
            listen: self.listen,
            data: self.data.clone(),
            caches: self.caches(),
            limits: self.limits.spec(),
            stores: self.chains.iter().map(|chain| (chain.name.clone(), chain.state())).collect(),
            admin: self.admin.spec(),
            validation: self.validation.spec(),
            carry: self.weave.spec(),
            follow: self.chains.iter().filter_map(|c| Some((c.name.clone(), c.follow.clone()?))).collect(),
            chains: chains.collect::<Result<_, _>>()?,
        })
    }

    fn resolve(&mut self, folder: &Path) {
        self.data = folder.join(&self.data);
        for mount in self.chains.iter_mut().flat_map(|chain| &mut chain.mounts) {
            mount.component = folder.join(&mount.component);
        }
        if let Some(key_file) = &mut self.weave.key_file {
            *key_file = folder.join(&*key_file);
        }
        for genesis in self.chains.iter_mut().filter_map(|chain| chain.genesis.as_mut()) {
            *genesis = folder.join(&*genesis);
        }
    }

    /// What no single key can say.
    fn check(&self, path: &Path) -> Result<(), ConfigError> {
        let bad = |why: String| Err(ConfigError::Contradiction { path: path.to_owned(), why });
        for (index, chain) in self.chains.iter().enumerate() {
            let earlier = &self.chains[..index];
            if let Err(why) = chain.check() {
                return bad(why);
            }
            if earlier.iter().any(|other| other.name == chain.name) {
                return bad(format!("two chains are named '{}': a name is part of the URL", chain.name));
            }
            if earlier.iter().any(|other| other.chain_id == chain.chain_id) {
                return bad(format!(
                    "chain '{}' has the id {} of another chain: a transaction signed for one would be valid on both",
                    chain.name, chain.chain_id
                ));
            }
        }
        let woven = || self.weave.check(&self.chains, &self.validation);
        if let Err(why) = self.limits.check().and_then(|()| self.validation.check()).and_then(|()| woven()) {
            return bad(why);
        }
        if !self.admin.allow_remote && !self.admin.listen.ip().is_loopback() {
            return bad(format!(
                "listen of [admin] is {}, which other machines can reach, and the admin API has no TLS: use a loopback \
                 address, or set allow-remote = true and put a proxy with TLS before it",
                self.admin.listen
            ));
        }
        if self.block_interval_ms == 0 {
            return bad("block-interval-ms is 0: a chain needs time between blocks; 250 suits development".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
