//! What the tour works with: one client of `finance`, the accounts that sign, and what it knows of everybody's money.

use std::{fs, path::PathBuf, time::Duration};

use alloy_primitives::{Address, U256};
use clearing_rules::abi::{
    Clearing::{self, Config},
    IERC20,
};

use super::{
    TourError,
    members::{self, Member},
    model::CycleModel,
    synthetic::{self, Batch, Due},
};
use crate::{
    dev::{self, CLEARING, FINANCE, LIQUIDATOR, PRICE_ACCOUNT},
    obligations::{self, Asset, Loaded},
    rpc::{Endpoint, Fees, Rpc, Sender, Watch},
};

/// How long a batch of transactions may take to get into blocks.
pub const WITHIN: Duration = Duration::from_secs(60);
/// Gas limit of calls that need far less; what is not used is not paid.
pub const CALL_GAS: u64 = 1_000_000;

/// Everything the tour holds in its hands.
pub struct World {
    /// The chain.
    pub rpc: Rpc,
    /// Every block since the tour began.
    pub watch: Watch,
    /// Terms of the clearing engine, as the chain says.
    pub config: Config,
    /// What obligations are in.
    pub asset: Asset,
    /// The development accounts, by number.
    pub accounts: Vec<Sender>,
    /// The members, in order.
    pub members: Vec<Member>,
    /// Their nonces and signatures, in the same order.
    pub senders: Vec<Sender>,
    /// Dollars that each member should have in its wallet.
    pub wallets: Vec<U256>,
    /// How often traffic was started.
    pub traffic_runs: u64,
    /// Height at which the rule of a probation sent an engine back.
    pub sent_back_at: Option<u64>,
    /// Where files are written.
    folder: PathBuf,
}

impl World {
    /// Connects to a node, and derives the members.
    pub async fn new(url: &str, folder: PathBuf) -> Result<Self, TourError> {
        let rpc = Rpc::new(Endpoint::of(url, FINANCE.0))?;
        let (asset, _) = obligations::asset(&rpc, CLEARING).await?;
        let fees = Fees::ask(&rpc).await?;
        let members = members::members()?;
        let mut accounts = Vec::new();
        for account in dev::accounts().map_err(dev::DevError::from)? {
            let nonce = rpc.nonces(&[account.address()], "latest").await?[0];
            accounts.push(Sender::new(account.signer, FINANCE.1, nonce, fees));
        }
        let senders = members.iter().map(|member| Sender::new(member.signer.clone(), FINANCE.1, 0, fees)).collect();
        Ok(Self {
            watch: Watch::from_head(&rpc).await?,
            config: rpc.call(CLEARING, Clearing::configCall {}).await?,
            wallets: vec![U256::ZERO; members.len()],
            rpc,
            asset,
            accounts,
            members,
            senders,
            traffic_runs: 0,
            sent_back_at: None,
            folder,
        })
    }

    /// Account 0: governs and operates.
    pub fn operator(&mut self) -> &mut Sender {
        &mut self.accounts[0]
    }

    /// The account that names the price.
    pub fn price_account(&mut self) -> &mut Sender {
        &mut self.accounts[PRICE_ACCOUNT]
    }

    /// The account that buys defaulters' collateral.
    pub fn liquidator(&mut self) -> &mut Sender {
        &mut self.accounts[LIQUIDATOR]
    }

    /// Asks anew what to offer for gas.
    pub async fn refresh_fees(&mut self) -> Result<(), TourError> {
        let fees = Fees::ask(&self.rpc).await?;
        self.accounts.iter_mut().chain(&mut self.senders).for_each(|sender| sender.set_fees(fees));
        Ok(())
    }

    /// A model of a cycle in this chain's units.
    pub fn model(&self, dues: &[Due]) -> CycleModel {
        CycleModel::new(self.asset.decimals).with(dues)
    }

    /// Addresses of the members, in order.
    pub fn addresses(&self) -> Vec<Address> {
        self.members.iter().map(Member::address).collect()
    }

    /// Dollars in the wallets of members and others, as the token says.
    pub async fn balances(&self, of: &[Address]) -> Result<Vec<U256>, TourError> {
        let calls: Vec<_> = of.iter().map(|account| IERC20::balanceOfCall { account: *account }).collect();
        Ok(self.rpc.call_many(self.asset.address, &calls).await?)
    }

    /// Writes a batch's file and loads it as the command line does: read the file, submit it as the operator.
    pub async fn load(&mut self, batch: &Batch, dues: &[Due]) -> Result<(PathBuf, Loaded), TourError> {
        self.refresh_fees().await?;
        let path = self.folder.join(format!("obligations-{}.csv", batch.label));
        let name = path.display().to_string();
        let io = |source| TourError::Io { path: name.clone(), source };
        fs::create_dir_all(&self.folder).map_err(io)?;
        let records = synthetic::records(batch, dues, &self.addresses(), self.asset.address, self.asset.decimals);
        obligations::write(fs::File::create(&path).map_err(io)?, &name, &records)?;
        let read = obligations::read(&path, &self.asset)?;
        let operator = &mut self.accounts[0];
        let (loaded, _) = obligations::load(&self.rpc, CLEARING, &self.asset, &read, operator).await?;
        Ok((path, loaded))
    }
}
