//! `[weave]` of the configuration: what this node carries between its chains.

use std::path::PathBuf;

use alloy_primitives::Address;
use caldera_weave::LinkOptions;
use serde::Deserialize;

use super::{ChainConfig, ValidationConfig};
use crate::weave::{CarrySpec, LinkSpec};

/// Units that this node carries between its chains. Nothing is carried without a link.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct WeaveConfig {
    /// From which chain to which, each direction by itself.
    pub links: Vec<LinkConfig>,
    /// Certified blocks of an origin after which the destination gets a root though no unit needs one; 0: never. Proofs of other
    /// people rest on such roots.
    pub heartbeat: u64,
    /// Where the weave engine is on all these chains. Left out: at the one mount that calls itself `weave`.
    pub engine: Option<Address>,
    /// Key of the account that sends and pays. Left out: `carrier.key` in the data folder, made at the first start.
    pub key_file: Option<PathBuf>,
}

impl Default for WeaveConfig {
    fn default() -> Self {
        Self { links: Vec::new(), heartbeat: 240, engine: None, key_file: None }
    }
}

/// One direction of `links`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LinkConfig {
    /// The chain whose units are carried.
    pub origin: String,
    /// Where they take effect.
    pub destination: String,
}

impl WeaveConfig {
    /// What a node carries, if anything.
    pub(super) fn spec(&self) -> Option<CarrySpec> {
        let link = |link: &LinkConfig| LinkSpec { origin: link.origin.clone(), destination: link.destination.clone() };
        (!self.links.is_empty()).then(|| CarrySpec {
            links: self.links.iter().map(link).collect(),
            engine: self.engine,
            key_file: self.key_file.clone(),
            options: LinkOptions { heartbeat: self.heartbeat },
        })
    }

    /// What is wrong, if anything.
    pub(super) fn check(&self, chains: &[ChainConfig], validation: &ValidationConfig) -> Result<(), String> {
        for (index, link) in self.links.iter().enumerate() {
            let LinkConfig { origin, destination } = link;
            for (key, name) in [("origin", origin), ("destination", destination)] {
                let Some(chain) = chains.iter().find(|chain| chain.name == *name) else {
                    let known = chains.iter().map(|chain| chain.name.clone()).collect::<Vec<_>>().join(", ");
                    return Err(format!(
                        "{key} of a link of [weave] is '{name}', which is no chain of this file; it has: {known}"
                    ));
                };
                if chain.follow.is_some() {
                    return Err(format!(
                        "{key} of a link of [weave] is '{name}', which follows another node: the node that makes its blocks carries \
                         its units; leave the link to that node's configuration"
                    ));
                }
            }
            if origin == destination {
                return Err(format!(
                    "a link of [weave] goes from '{origin}' to itself, where its units count already: name another destination"
                ));
            }
            if self.links[..index].contains(link) {
                return Err(format!("links of [weave] has '{origin}' to '{destination}' twice: leave one out"));
            }
        }
        if !self.links.is_empty() && validation.owners.is_empty() {
            return Err(
                "[weave] has links, but nobody certifies the chains: name validators as owners of [validation]".into(),
            );
        }
        Ok(())
    }
}
