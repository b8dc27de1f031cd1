//! What `caldera dev` says once it can be used.

use alloy_primitives::Address;
use caldera_api::admin::AdminHandle;
use caldera_types::Mount;
use serde::Serialize;

use super::{Account, IMPORTED};
use crate::output::{Align, Report, Table};

/// The node is live.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    event: &'static str,
    http: String,
    admin: String,
    admin_token_file: String,
    data: String,
    chains: Vec<ReadyChain>,
    accounts: Vec<ReadyAccount>,
    carrier: Option<ReadyCarrier>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadyCarrier {
    address: Address,
    needs_funds_on: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadyChain {
    name: String,
    chain_id: u64,
    url: String,
    ws_url: String,
    mounts: Vec<ReadyMount>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadyMount {
    address: String,
    name: String,
    digest: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadyAccount {
    address: String,
    private_key: String,
}

impl Ready {
    /// A node at `http` with these accounts and no chain yet.
    pub fn new(http: String, admin: &AdminHandle, data: String, accounts: &[Account]) -> Self {
        let account = |account: &Account| ReadyAccount {
            address: account.address().to_string(),
            private_key: account.private_key().to_string(),
        };
        Self {
            event: "ready",
            http,
            admin: format!("http://{}", admin.addr()),
            admin_token_file: admin.token_file().display().to_string(),
            data,
            chains: Vec::new(),
            accounts: accounts.iter().map(account).collect(),
            carrier: None,
        }
    }

    /// Who carries units between the chains, and where he has nothing to pay for gas with.
    pub fn carrier(&mut self, address: Address, penniless: &[String]) {
        self.carrier = Some(ReadyCarrier { address, needs_funds_on: penniless.to_vec() });
    }

    /// Adds a chain; `name_of` is what a mount's component calls itself.
    pub fn chain(&mut self, name: &str, chain_id: u64, mounts: &[Mount], name_of: impl Fn(&Mount) -> String) {
        let url = format!("{}/chains/{name}", self.http);
        let mounts = mounts.iter().map(|mount| ReadyMount {
            address: mount.address.to_string(),
            name: name_of(mount),
            digest: mount.digest.to_string(),
        });
        let ws_url = url.replacen("http", "ws", 1);
        self.chains.push(ReadyChain { name: name.to_owned(), chain_id, url, ws_url, mounts: mounts.collect() });
    }

    fn chains_table(&self) -> Table<4> {
        let left = |name| (name, Align::Left);
        let mut table = Table::new([left("chain"), ("id", Align::Right), left("HTTP"), left("WebSocket")]);
        for chain in &self.chains {
            table.row([chain.name.clone(), chain.chain_id.to_string(), chain.url.clone(), chain.ws_url.clone()]);
        }
        table
    }

    fn mounts_table(&self) -> Table<4> {
        let mut table = Table::new(["chain", "engine", "address", "digest"].map(|name| (name, Align::Left)));
        for chain in &self.chains {
            for mount in &chain.mounts {
                let digest = mount.digest.chars().take(10).collect();
                table.row([chain.name.clone(), mount.name.clone(), mount.address.clone(), digest]);
            }
        }
        table
    }

    fn accounts_table(&self) -> Table<3> {
        let mut table = Table::new([("", Align::Right), ("account", Align::Left), ("private key", Align::Left)]);
        for (index, account) in self.accounts.iter().enumerate() {
            table.row([index.to_string(), account.address.clone(), account.private_key.clone()]);
        }
        table
    }
}

impl Report for Ready {
    fn text(&self) -> String {
        let mut text = format!("Caldera is live at {}, data in {}\n\n{}", self.http, self.data, self.chains_table());
        text += &format!("\nEngines\n{}", self.mounts_table());
        text += &format!("\nAdmin API and metrics at {}, token in {}\n", self.admin, self.admin_token_file);
        if let Some(ReadyCarrier { address, needs_funds_on }) = &self.carrier {
            text += &format!("Units are carried between the chains by {address}\n");
            if !needs_funds_on.is_empty() {
                text += &format!("It has nothing to pay for gas with on {}: send it some\n", needs_funds_on.join(", "));
            }
        }
        if !self.accounts.is_empty() {
            let moved = self.chains.iter().any(|chain| chain.name == IMPORTED);
            let but = if moved { format!(" but {IMPORTED}") } else { String::new() };
            text += &format!(
                "\nAccounts with 10,000 ETH on every chain{but}. THESE KEYS ARE PUBLISHED: never send real money there.\n"
            );
            text += &self.accounts_table().to_string();
        }
        text
    }
}
