//! What a question changes before it is asked: accounts, precompiles, and the block in which a call runs.
//!
//! Shapes and rules are those of `eth_call` and `eth_simulateV1`. As in geth, any change at the address of a precompile
//! removes it. Code put at the address of an engine runs in its place; every other change leaves the engine there. An engine
//! cannot be moved: its state lies at its address.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, KECCAK256_EMPTY, keccak256};
use alloy_rpc_types_eth::{BlockOverrides, state::AccountOverride, state::StateOverride};
use caldera_state::{AccountDiff, StateDiff};
use caldera_types::BlockEnv;
use revm::handler::EthPrecompiles;

use crate::{
    block_engines::BlockEngines,
    call_error::CallError,
    error::ExecutionError,
    evm::{Ctx, SPEC},
    registry,
    view_db::ViewDb,
};

/// The changes of one question.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Accounts.
    pub state: StateOverride,
    /// The block.
    pub block: BlockOverrides,
}

/// Overrides that contradict themselves or this chain. The caller's doing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// Whole storage and single slots exclude each other.
    #[error("account {0} has both 'state' and 'stateDiff'")]
    StateAndDiff(Address),
    /// Only a precompile can be moved.
    #[error("account {0} is not a precompile")]
    NotAPrecompile(Address),
    /// An engine stays where its state is.
    #[error("account {0} is an engine or the registry, which cannot be moved: its state lies at its address")]
    Engine(Address),
    /// A precompile is moved to where it is.
    #[error("precompile {0} is moved to its own address")]
    MovedToItself(Address),
    /// Two changes of one address.
    #[error("account {0} is already overridden")]
    Taken(Address),
    /// A number of the block that no block can have.
    #[error("block override '{0}' does not fit in 64 bits")]
    TooLarge(&'static str),
}

/// Which precompiles are not where they were.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moved {
    /// From where the precompile at an address comes; none when there is none any more.
    at: BTreeMap<Address, Option<Address>>,
}

impl Moved {
    /// The address whose precompile answers at `address`: another after a move, none when code stands in its place.
    pub(crate) fn home(&self, address: Address) -> Option<Address> {
        self.at.get(&address).copied().unwrap_or(Some(address))
    }
}

/// The environment with a block's overrides; a difficulty has no meaning after the merge and is left out.
pub(crate) fn block_env(mut env: BlockEnv, block: &BlockOverrides) -> Result<BlockEnv, OverrideError> {
    let word = |value: alloy_primitives::U256, field| u64::try_from(value).map_err(|_| OverrideError::TooLarge(field));
    if let Some(number) = block.number {
        env.number = word(number, "number")?;
    }
    if let Some(base_fee) = block.base_fee {
        env.base_fee = word(base_fee, "baseFeePerGas")?;
    }
    env.timestamp_s = block.time.unwrap_or(env.timestamp_s);
    env.gas_limit = block.gas_limit.unwrap_or(env.gas_limit);
    env.beneficiary = block.coinbase.unwrap_or(env.beneficiary);
    env.prev_randao = block.random.unwrap_or(env.prev_randao);
    Ok(env)
}

/// Changes what [`block_env`] has no field for.
pub(crate) fn blob_fee(ctx: &mut Ctx<'_>, block: &BlockOverrides) -> Result<(), OverrideError> {
    if let Some(fee) = block.blob_base_fee {
        let price = u128::try_from(fee).map_err(|_| OverrideError::TooLarge("blobBaseFee"))?;
        ctx.block.blob_excess_gas_and_price =
            Some(revm::context_interface::block::BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: price });
    }
    Ok(())
}

/// Puts the accounts' overrides into the database and the table of precompiles and engines.
pub(crate) fn apply(
    state: &StateOverride,
    db: &mut ViewDb<'_>,
    engines: &mut BlockEngines<'_>,
) -> Result<(), CallError> {
    // In order of address, so that what contradicts is refused the same way every time.
    let accounts: BTreeMap<Address, &AccountOverride> =
        state.iter().map(|(address, change)| (*address, change)).collect();
    let mut diff = StateDiff::default();
    for (address, change) in &accounts {
        if change.state.is_some() && change.state_diff.is_some() {
            return Err(OverrideError::StateAndDiff(*address).into());
        }
        if let Some(to) = change.move_precompile_to {
            move_precompile(&accounts, *address, to, engines)?;
        }
        if is_precompile(*address) {
            engines.moved.at.entry(*address).or_insert(None);
        }
        if change.code.is_some() {
            engines.put_code_at(*address);
        }
        let account = account_diff(db, *address, change, &mut diff)?;
        diff.accounts.insert(*address, account);
    }
    db.merge(diff);
    Ok(())
}

fn is_precompile(address: Address) -> bool {
    EthPrecompiles::new(SPEC).precompiles.contains(&address)
}

fn move_precompile(
    accounts: &BTreeMap<Address, &AccountOverride>,
    from: Address,
    to: Address,
    engines: &mut BlockEngines<'_>,
) -> Result<(), OverrideError> {
    if engines.mount(from).is_some() || from == registry::ADDRESS {
        return Err(OverrideError::Engine(from));
    }
    if !is_precompile(from) {
        return Err(OverrideError::NotAPrecompile(from));
    }
    if from == to {
        return Err(OverrideError::MovedToItself(from));
    }
    if accounts.contains_key(&to) || engines.moved.at.contains_key(&to) {
        return Err(OverrideError::Taken(to));
    }
    engines.moved.at.insert(to, Some(from));
    engines.moved.at.insert(from, None);
    Ok(())
}

fn account_diff(
    db: &ViewDb<'_>,
    address: Address,
    change: &AccountOverride,
    diff: &mut StateDiff,
) -> Result<AccountDiff, CallError> {
    let mut account = db.account(address).map_err(ExecutionError::from)?.unwrap_or_default();
    account.balance = change.balance.unwrap_or(account.balance);
    account.nonce = change.nonce.unwrap_or(account.nonce);
    if let Some(code) = &change.code {
        account.code_hash = if code.is_empty() { KECCAK256_EMPTY } else { keccak256(code) };
        diff.codes.insert(account.code_hash, code.clone());
    }
    let slots = change.state.iter().chain(&change.state_diff).flatten();
    let storage = slots.map(|(slot, value): (&B256, &B256)| ((*slot).into(), (*value).into()));
    Ok(AccountDiff { account: Some(account), wiped: change.state.is_some(), storage: storage.collect() })
}

impl BlockEngines<'_> {
    /// Code of a question's own stands at this address: no precompile and no engine answers there.
    fn put_code_at(&mut self, address: Address) {
        self.moved.at.entry(address).or_insert(None);
        self.unmount(address);
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;

    use super::*;

    #[test]
    fn numbers_that_no_block_can_have_are_refused() {
        let env = BlockEnv {
            chain_id: 1,
            number: 7,
            timestamp_s: 9,
            prev_randao: B256::ZERO,
            beneficiary: Address::ZERO,
            gas_limit: 5,
            base_fee: 3,
            fees: Default::default(),
            rules: Default::default(),
        };
        let big = Some(U256::MAX);
        let refused = block_env(env, &BlockOverrides { number: big, ..Default::default() });
        assert_eq!(refused, Err(OverrideError::TooLarge("number")));
        let refused = block_env(env, &BlockOverrides { base_fee: big, ..Default::default() });
        assert_eq!(refused, Err(OverrideError::TooLarge("baseFeePerGas")));
        assert_eq!(block_env(env, &BlockOverrides::default()), Ok(env));
        let later = block_env(env, &BlockOverrides { time: Some(11), ..Default::default() }).unwrap();
        assert_eq!((later.timestamp_s, later.number), (11, 7));
    }
}
