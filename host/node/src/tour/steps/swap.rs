//! Step 6: version 2 of the clearing engine takes over at a height, its state migrated, while transactions keep coming.

use std::path::Path;

use alloy_primitives::{B256, U256};
use caldera_execution::registry::abi::IEngineRegistry::{Activated, ActivationFailed};
use caldera_types::{Component, ProbationRule};
use clearing_rules::abi::Clearing;
use serde_json::json;

use super::{first::amount, waterfall};
use crate::{
    component,
    dev::CLEARING,
    output::{self, Align, Table},
    tour::{
        TourError, governor, holds,
        members::Kind,
        model::CycleModel,
        report::{Step, Telling},
        same,
        settle::{self, Settled, wallets_hold},
        synthetic::{Batch, Due, FOURTH, THIRD, generate},
        traffic::{Sent, Traffic, What},
        world::{WITHIN, World},
    },
};

/// The component of version 2.
const FILE: &str = "clearing-v2.wasm";
/// Blocks between arming and activation: everybody can see what is coming.
const NOTICE_BLOCKS: u64 = 8;
/// Blocks with traffic after the activation.
const AFTER_BLOCKS: u64 = 4;

/// An activation that took place.
struct Swap {
    height: u64,
    event: Activated,
}

/// Swaps the engine under load, and closes cycle 3 under the new one.
pub async fn swap(telling: &mut Telling, world: &mut World, plugins: &Path, first: &Settled) -> Result<(), TourError> {
    let mut step = telling.begin("swap", "Version 2 is staged and armed; it takes over while transactions keep coming");
    let mut model = load(world, &THIRD).await?;
    let engine = component::read(&plugins.join(FILE))?;
    let traffic = Traffic::start(world);
    let swapped = match take_over(&mut step, world, engine).await {
        Ok(swap) => world.watch.height_reached(swap.height + AFTER_BLOCKS).await.map(|()| swap).map_err(Into::into),
        Err(error) => Err(error),
    };
    // The senders come back in any case; the first error is the one to tell.
    let sent = traffic.stop(world).await;
    let (swap, sent) = (swapped?, sent?);
    nothing_lost(&mut step, world, &sent, swap.height).await?;
    absorb(world, &mut model, &sent);
    wallets_hold(world).await?;
    positions_hold(&mut step, world, &model).await?;

    model = combined(model, load(world, &FOURTH).await?);
    let settled = settle::close(world).await?;
    same("defaults of cycle 3", settled.defaults.len(), 0)?;
    settle::verify(world, &settled, &model).await?;
    waterfall::engine_holds_what_it_owes(world).await?;
    compare(&mut step, world, first, &settled);
    let remark = format!(
        "at block {}: state {} to {}, {} transactions, none lost, none twice",
        swap.height,
        swap.event.fromStateVersion,
        swap.event.toStateVersion,
        output::count(sent.len())
    );
    telling.end(step, &remark);
    Ok(())
}

/// Loads a batch among those who keep dollars: the others are in default or near it.
async fn load(world: &mut World, batch: &Batch) -> Result<CycleModel, TourError> {
    let keeps_dollars = |index: usize| world.members[index].kind() != Kind::Bitcoin;
    let dues: Vec<Due> =
        generate(batch).into_iter().filter(|due| keeps_dollars(due.debtor) && keeps_dollars(due.creditor)).collect();
    let model = world.model(&dues);
    world.load(batch, &dues).await?;
    Ok(model)
}

fn combined(mut model: CycleModel, other: CycleModel) -> CycleModel {
    model.join(&other);
    model
}

/// Stages, arms and waits.
async fn take_over(step: &mut Step, world: &mut World, engine: Component) -> Result<Swap, TourError> {
    governor::stage(step, world, &engine).await?;
    let height = governor::arm(world, engine.digest().0, NOTICE_BLOCKS, ProbationRule::NONE).await?;
    world.watch.height_reached(height).await?;
    let event = activation(world, height, engine.digest().0).await?;
    step.count("height", "went live before the transactions of block", height);
    let states = format!("{} to {}", event.fromStateVersion, event.toStateVersion);
    step.fact("states", "state version, migrated", states);
    step.count("migrationGas", "gas of the migration", event.gasUsed);
    Ok(Swap { height, event })
}

/// What the registry says of an activation.
async fn activation(world: &World, height: u64, digest: B256) -> Result<Activated, TourError> {
    let broken = |why: String| TourError::Broken { what: "activation".to_owned(), why };
    if let Some((_, failed)) = governor::event::<ActivationFailed>(world, height, height).await? {
        return Err(broken(failed.reason));
    }
    let activated = governor::event::<Activated>(world, height, height).await?.map(|(_, event)| event);
    let activated = activated.filter(|event| event.mount == CLEARING && event.digest == digest);
    activated.ok_or_else(|| broken(format!("block {height} has no event of it")))
}

/// Every transaction that the node accepted is in exactly one place, took effect, and nonces add up.
async fn nothing_lost(step: &mut Step, world: &mut World, sent: &[Sent], height: u64) -> Result<(), TourError> {
    let hashes: Vec<_> = sent.iter().map(|sent| sent.hash).collect();
    world.watch.receipts(&hashes, WITHIN).await?;
    let (mut before, mut after) = (0u64, 0u64);
    for hash in &hashes {
        let found = world
            .watch
            .found(hash)
            .ok_or_else(|| TourError::Broken { what: format!("transaction {hash}"), why: "it is lost".to_owned() })?;
        same(format!("places of transaction {hash}"), found.times, 1)?;
        *(if found.block < height { &mut before } else { &mut after }) += 1;
    }
    holds("traffic on both sides of the swap", before > 0 && after > 0, || format!("{before} before, {after} after"))?;
    let nonces = world.rpc.nonces(&world.addresses(), "latest").await?;
    for (sender, nonce) in world.senders.iter().zip(nonces) {
        same(format!("nonce of {}", sender.address()), nonce, sender.nonce())?;
    }
    step.count("traffic", "transactions sent meanwhile", sent.len() as u64);
    step.count("trafficBefore", "  in blocks of version 1", before);
    step.count("trafficAfter", "  in blocks of version 2", after);
    step.fact("lost", "  lost, twice, failed", "0, 0, 0");
    Ok(())
}

/// What the traffic did to positions and wallets.
fn absorb(world: &mut World, model: &mut CycleModel, sent: &[Sent]) {
    for sent in sent {
        match &sent.what {
            What::Owe(due) => model.add([due]),
            What::Move { from, to, amount } => {
                world.wallets[*from] -= *amount;
                world.wallets[*to] += *amount;
            }
        }
    }
}

/// Open positions are what obligations of both versions make of them.
async fn positions_hold(step: &mut Step, world: &World, model: &CycleModel) -> Result<(), TourError> {
    let cycle = world.rpc.call(CLEARING, Clearing::currentCycleCall {}).await?.open;
    let addresses = world.addresses();
    let calls: Vec<_> =
        addresses.iter().map(|participant| Clearing::netPositionCall { cycle, participant: *participant }).collect();
    for (member, position) in world.rpc.call_many(CLEARING, &calls).await?.into_iter().enumerate() {
        same(format!("net position of {}", addresses[member]), position.net, model.net(member))?;
        same(format!("debit of {}", addresses[member]), position.debit, model.debit(member))?;
        same(format!("credit of {}", addresses[member]), position.credit, model.credit(member))?;
    }
    let calls: Vec<_> =
        addresses.iter().map(|participant| Clearing::requirementCall { participant: *participant }).collect();
    let required: U256 = world.rpc.call_many(CLEARING, &calls).await?.into_iter().sum();
    let debits: U256 = (0..addresses.len()).map(|member| model.debit(member)).sum();
    let gross = debits * U256::from(world.config.maintenanceBps) / U256::from(10_000);
    step.count("open", "open obligations, netted as they come", model.obligations);
    step.fact("positions", "200 open positions", "as computed, to the last unit");
    let text = format!("{}, version 1 would ask for {}", amount(world, required), amount(world, gross));
    step.figure("required", "margin required of all", text, required.to_string());
    Ok(())
}

/// What a close costs under each version.
fn compare(step: &mut Step, world: &World, first: &Settled, third: &Settled) {
    let right = |name| (name, Align::Right);
    let mut table = Table::new([
        ("close of", Align::Left),
        right("obligations"),
        right("gross"),
        right("net"),
        right("blocks"),
        right("gas"),
        right("gas each"),
        right("time"),
    ]);
    let mut rows = Vec::new();
    for (version, settled) in [(1, first), (2, third)] {
        let cycle = &settled.cycle;
        let each = settled.gas / cycle.obligations.max(1);
        table.row([
            format!("cycle {} under version {version}", settled.id),
            output::count(cycle.obligations),
            amount(world, cycle.gross),
            amount(world, cycle.net),
            output::count(settled.blocks),
            output::count(settled.gas),
            output::count(each),
            output::duration(settled.time),
        ]);
        rows.push(json!({
            "cycle": settled.id, "version": version, "obligations": cycle.obligations, "gross": cycle.gross.to_string(),
            "net": cycle.net.to_string(), "blocks": settled.blocks, "gas": settled.gas,
        }));
    }
    step.table("closes", "What a close takes:", &table, rows.into());
}
