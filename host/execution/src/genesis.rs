//! The first state of a chain: accounts, the registry, and the engines that are mounted from the start.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use caldera_engine::{Engines, StageError};
use caldera_state::{Account, AccountDiff, MemoryView, StateDiff};
use caldera_types::{BlockEnv, Component, Digest, EngineLimits, Grants, ProbationRule};
use revm::context_interface::{ContextTr, JournalTr};

use crate::{
    Ground, NoComponents,
    block_engines::BlockEngines,
    bytes_map,
    error::ExecutionError,
    evm,
    executor::BlockOutcome,
    registry::{self, Armed, Staged, entries},
    road,
    view_db::ViewDb,
};

/// An account of the first state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenesisAccount {
    /// Wei.
    pub balance: U256,
    /// Next nonce.
    pub nonce: u64,
    /// Code, for a contract.
    pub code: Bytes,
    /// Storage, for a contract.
    pub storage: BTreeMap<U256, U256>,
}

/// An engine of the first state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisMount {
    /// Where it is called.
    pub address: Address,
    /// Its bytes.
    pub component: Component,
    /// What it may import.
    pub grants: Grants,
    /// What it may use.
    pub limits: EngineLimits,
    /// What its `init` is given.
    pub config: Bytes,
}

/// The first state of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Chain id, time, gas limit and base fee of block 0.
    pub env: BlockEnv,
    /// Who may stage and arm engines.
    pub governor: Address,
    /// The accounts.
    pub accounts: BTreeMap<Address, GenesisAccount>,
    /// The engines.
    pub mounts: Vec<GenesisMount>,
    /// Whether this is a development chain, whose state may be changed by hand and whose accounts may be impersonated. It
    /// stands in the first state, so it cannot be changed later, and every node of the chain knows it.
    pub development: bool,
}

/// Makes the first state. Its sidecar holds the components, so that the block log alone can rebuild the chain.
pub fn execute_genesis(engines: &Engines, genesis: &Genesis) -> Result<BlockOutcome, ExecutionError> {
    let mut accounts = accounts(genesis);
    let mut view = MemoryView::default();
    view.apply(&accounts);
    let ground = Ground { view: &view, engines, components: &NoComponents };
    let mut ctx = evm::context(&genesis.env, ViewDb::new(&view), BlockEngines::load(ground)?);
    for mount in &genesis.mounts {
        stage(&mut ctx, engines, mount)?;
        let armed = Armed {
            mount: mount.address,
            digest: mount.component.digest(),
            height: 0,
            config: mount.config.clone(),
            probation: ProbationRule::NONE,
        };
        road::run_genesis(&mut ctx, &armed)?;
    }
    // Logs of `init` have no transaction to stand in.
    ctx.journal_mut().take_logs();
    let changes = ctx.journal_mut().finalize();
    ctx.journal_mut().db_mut().fold(changes);
    accounts.merge(ctx.journaled_state.database.into_diff());
    let mut sidecar: BTreeMap<Digest, Component> = BTreeMap::new();
    sidecar.extend(genesis.mounts.iter().map(|mount| (mount.component.digest(), mount.component.clone())));
    Ok(BlockOutcome { sidecar: sidecar.into_values().collect(), diff: accounts, ..Default::default() })
}

fn stage(ctx: &mut evm::Ctx<'_>, engines: &Engines, mount: &GenesisMount) -> Result<(), ExecutionError> {
    let genesis = |why: String| ExecutionError::Genesis { address: mount.address, why };
    if let Some(limit) = mount.limits.excess() {
        return Err(genesis(format!("limit {limit} is over what the chain allows")));
    }
    let description = engines.stage(&mount.component, mount.grants, &mount.limits).map_err(|error| match error {
        StageError::Rejected(why) => genesis(why.to_string()),
        StageError::Node(error) => error.into(),
    })?;
    let staged = Staged {
        digest: mount.component.digest(),
        grants: mount.grants,
        limits: mount.limits,
        name: description.name,
        version: description.version,
        state_version: description.state_version,
        hooks: description.hooks,
        staged_at: 0,
    };
    road::as_system(ctx, |slots| entries::put_staged(slots, &staged))
}

fn accounts(genesis: &Genesis) -> StateDiff {
    let mut diff = StateDiff::default();
    for (address, account) in &genesis.accounts {
        put(&mut diff, *address, account.clone());
    }
    let mut storage = Slots(BTreeMap::new());
    let Ok(()) = bytes_map::set(entries::GOVERNOR, &alloy_rlp::encode(genesis.governor), &mut storage);
    if genesis.development {
        let Ok(()) = bytes_map::set(entries::DEVELOPMENT, &alloy_rlp::encode(true), &mut storage);
    }
    // INVALID: whoever runs the registry's code by DELEGATECALL meets it. Solidity only asks that there is code.
    let code = Bytes::from_static(&[0xfe]);
    put(&mut diff, registry::ADDRESS, GenesisAccount { balance: U256::ZERO, nonce: 1, code, storage: storage.0 });
    diff
}

fn put(diff: &mut StateDiff, address: Address, account: GenesisAccount) {
    let code_hash = code_hash(&account.code);
    if !account.code.is_empty() {
        diff.codes.insert(code_hash, account.code);
    }
    let info = Account { nonce: account.nonce, balance: account.balance, code_hash };
    diff.accounts.insert(address, AccountDiff { account: Some(info), wiped: true, storage: account.storage });
}

fn code_hash(code: &Bytes) -> B256 {
    if code.is_empty() { KECCAK256_EMPTY } else { keccak256(code) }
}

struct Slots(BTreeMap<U256, U256>);

impl bytes_map::SlotAccess for Slots {
    type Error = std::convert::Infallible;

    fn load(&mut self, slot: U256) -> Result<U256, Self::Error> {
        Ok(self.0.get(&slot).copied().unwrap_or_default())
    }

    fn store(&mut self, slot: U256, value: U256) -> Result<(), Self::Error> {
        self.0.insert(slot, value);
        Ok(())
    }
}
