//! `[admin]` of the configuration: the port for operators.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::Deserialize;

use crate::admin::AdminSpec;

/// Where the admin API and the metrics are served.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AdminConfig {
    /// Port 0 takes any free one. Every request but `/health` needs the token in the file `admin-token` of the data folder,
    /// which the node makes.
    #[serde(default = "recommended_listen")]
    pub listen: SocketAddr,
    /// Allows an address that other machines can reach. There is no TLS here: put a proxy with TLS before it.
    #[serde(default)]
    pub allow_remote: bool,
    /// Whether the node leaves a note in the user's runtime folder, by which `caldera engine` on this machine finds this API.
    #[serde(default = "recommended_note")]
    pub note: bool,
}

fn recommended_listen() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), AdminSpec::PORT)
}

fn recommended_note() -> bool {
    true
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { listen: recommended_listen(), allow_remote: false, note: recommended_note() }
    }
}

impl AdminConfig {
    /// What the node starts from.
    pub fn spec(self) -> AdminSpec {
        AdminSpec { listen: self.listen, allow_remote: self.allow_remote, note: self.note }
    }
}
