//! Closing a cycle and holding what comes of it against the model, to the last unit.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, U256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::SolEvent;
use caldera_types::SYSTEM_ADDRESS;
use clearing_rules::abi::Clearing::{self, Cycle, Defaulted, LossShared};

use super::{
    TourError, holds,
    model::CycleModel,
    same,
    world::{CALL_GAS, WITHIN, World},
};
use crate::{dev::CLEARING, rpc::RpcError};

/// A close that takes longer hangs.
const MOST_BLOCKS: u64 = 400;

/// A cycle that was closed and settled.
pub struct Settled {
    /// Its number.
    pub id: u64,
    /// What the engine says of it.
    pub cycle: Cycle,
    /// Blocks from the one that closed it to the one that settled it, both included.
    pub blocks: u64,
    /// Gas of the engine's own work in those blocks.
    pub gas: u64,
    /// How long that took.
    pub time: Duration,
    /// Members that did not pay, in order.
    pub defaults: Vec<Defaulted>,
    /// What creditors bear.
    pub losses: BTreeMap<Address, U256>,
}

/// Closes the open cycle and waits until it is settled.
pub async fn close(world: &mut World) -> Result<Settled, TourError> {
    world.refresh_fees().await?;
    let id = world.rpc.call(CLEARING, Clearing::currentCycleCall {}).await?.open;
    let began = Instant::now();
    let tx = world.operator().call(CLEARING, &Clearing::closeCycleCall {}, CALL_GAS)?;
    let receipts = world.watch.settle(&[tx], WITHIN).await?;
    let closed_at = receipts.iter().filter_map(|receipt| receipt.block_number).max().unwrap_or_default();
    let settled_at = settled_block(world, id, closed_at).await?;
    let time = began.elapsed();
    let cycle = world.rpc.call(CLEARING, Clearing::cycleCall { id }).await?;
    let gas = system_gas(world, closed_at, settled_at).await?;
    let defaults = events::<Defaulted>(world, closed_at, settled_at).await?;
    let shared = events::<LossShared>(world, closed_at, settled_at).await?;
    let losses = shared.into_iter().map(|event| (event.creditor, event.amount)).collect();
    Ok(Settled { id, cycle, blocks: settled_at + 1 - closed_at, gas, time, defaults, losses })
}

/// Looks at each block until one has settled the cycle.
async fn settled_block(world: &mut World, id: u64, closed_at: u64) -> Result<u64, TourError> {
    for height in closed_at + 1..closed_at + MOST_BLOCKS {
        world.watch.height_reached(height).await?;
        let settled = events::<Clearing::CycleSettled>(world, height, height).await?;
        if settled.iter().any(|event| event.cycle == id) {
            return Ok(height);
        }
    }
    let why = format!("cycle {id} closed in block {closed_at} and was not settled {MOST_BLOCKS} blocks later");
    Err(TourError::Broken { what: "bounded work".to_owned(), why })
}

/// The engine's events of one kind in some blocks.
async fn events<E: SolEvent>(world: &World, from: u64, to: u64) -> Result<Vec<E>, TourError> {
    let filter = Filter::new().address(CLEARING).event_signature(E::SIGNATURE_HASH).from_block(from).to_block(to);
    let logs = world.rpc.logs(&filter).await?;
    let decoded = logs.iter().map(|log| E::decode_log(&log.inner).map(|log| log.data));
    let decoded: Result<Vec<E>, _> = decoded.collect();
    decoded.map_err(|error| RpcError::BadAnswer { what: "eth_getLogs".to_owned(), why: error.to_string() }.into())
}

/// Gas that the chain's own transactions took in some blocks.
async fn system_gas(world: &World, from: u64, to: u64) -> Result<u64, TourError> {
    let mut gas = 0;
    for number in from..=to {
        let receipts = world.rpc.block_receipts(number).await?;
        let own = receipts.iter().filter(|receipt| receipt.from == SYSTEM_ADDRESS);
        gas += own.map(|receipt| receipt.gas_used).sum::<u64>();
    }
    Ok(gas)
}

/// Holds a settled cycle against the model, and moves the members' expected wallets.
pub async fn verify(world: &mut World, settled: &Settled, model: &CycleModel) -> Result<(), TourError> {
    let cycle = &settled.cycle;
    same("obligations of the cycle", cycle.obligations, model.obligations)?;
    same("gross of the cycle", cycle.gross, model.gross)?;
    same("net of the cycle", cycle.net, model.total_net())?;
    same("defaults of the cycle", u64::from(cycle.defaults), settled.defaults.len() as u64)?;
    conserves(settled)?;
    let addresses = world.addresses();
    for (member, address) in addresses.iter().enumerate() {
        let defaulted = settled.defaults.iter().find(|default| default.participant == *address);
        if let Some(default) = defaulted {
            same(format!("shortfall of {address}"), default.shortfall, model.owes(member))?;
        }
        let paid = if defaulted.is_some() { U256::ZERO } else { model.owes(member) };
        let loss = settled.losses.get(address).copied().unwrap_or_default();
        let has = (world.wallets[member] + model.is_owed(member)).checked_sub(paid + loss);
        world.wallets[member] = has.ok_or_else(|| TourError::Broken {
            what: format!("net of {address}"),
            why: "it paid more than it had".to_owned(),
        })?;
    }
    wallets_hold(world).await
}

/// Every member's wallet, as the token says, is what it should be.
pub async fn wallets_hold(world: &World) -> Result<(), TourError> {
    let addresses = world.addresses();
    let balances = world.balances(&addresses).await?;
    for ((address, balance), expected) in addresses.iter().zip(balances).zip(&world.wallets) {
        same(format!("dollars of {address}"), balance, *expected)?;
    }
    Ok(())
}

/// What was collected and covered is what was owed, and all of it was paid out.
fn conserves(settled: &Settled) -> Result<(), TourError> {
    let cycle = &settled.cycle;
    let layers = cycle.fromMargin + cycle.fromCollateral + cycle.fromFund + cycle.mutualised;
    same("collected and covered", cycle.collected + layers, cycle.net)?;
    same("paid out", cycle.paid, cycle.net - cycle.mutualised)?;
    same("losses of the creditors", settled.losses.values().sum::<U256>(), cycle.mutualised)?;
    let shortfall: U256 = settled.defaults.iter().map(|default| default.shortfall).sum();
    same("shortfall of the defaulters", shortfall, layers)?;
    for default in &settled.defaults {
        let sum = default.fromMargin + default.fromCollateral + default.fromFund + default.mutualised;
        holds("layers of a default", sum == default.shortfall, || format!("{}", default.participant))?;
    }
    Ok(())
}
