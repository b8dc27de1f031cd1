//! Step 5: bitcoin halves in two days. Margin calls drain those who kept it, they cannot pay at the close, and the waterfall
//! runs.

use alloy_primitives::U256;
use alloy_sol_types::SolEvent;
use clearing_rules::abi::Clearing;
use serde_json::json;

use super::{
    first::{amount, figures},
    onboard::{set_price, usd},
    waterfall,
};
use crate::{
    dev::CLEARING,
    output::{Align, Table},
    rpc::{RpcReceipt, SignedTx},
    tour::{
        TourError, holds,
        members::Kind,
        model::CycleModel,
        prices::{self, Hour},
        report::{Step, Telling},
        same, settle,
        synthetic::{SECOND, generate},
        world::{CALL_GAS, WITHIN, World},
    },
};

/// Hours whose prices go into one block: members answer the calls of one block in the next.
const HOURS_PER_BLOCK: usize = 4;
/// Gas limit for looking at every member with bitcoin.
const CALL_MARGIN_GAS: u64 = 4_000_000;

/// What some hours brought.
struct Line {
    hour: Hour,
    called: usize,
    posted: U256,
}

/// Loads the second file, lives through the crash, closes cycle 2.
pub async fn crash(telling: &mut Telling, world: &mut World) -> Result<(), TourError> {
    let mut step = telling.begin("crash", "12 and 13 March 2020: bitcoin falls, members default, the waterfall runs");
    let dues = generate(&SECOND);
    let model = world.model(&dues);
    world.load(&SECOND, &dues).await?;
    everybody_could_pay(&mut step, world, &model)?;
    let hours = prices::crash()?;
    world.refresh_fees().await?;
    let mut lines = Vec::new();
    for block in hours.chunks(HOURS_PER_BLOCK) {
        lines.push(live_through(world, block).await?);
    }
    let settled = settle::close(world).await?;
    settle::verify(world, &settled, &model).await?;
    holds("defaults in the crash", !settled.defaults.is_empty(), || "nobody defaulted".to_owned())?;
    waterfall::engine_holds_what_it_owes(world).await?;
    prices_table(&mut step, world, &hours, &lines);
    figures(&mut step, world, &settled);
    waterfall::tell(&mut step, world, &settled);
    let remark =
        format!("{} defaults, {} borne by creditors", settled.defaults.len(), amount(world, settled.cycle.mutualised));
    telling.end(step, &remark);
    Ok(())
}

/// As things stand before the crash, nobody would default: it is the crash that does it.
fn everybody_could_pay(step: &mut Step, world: &World, model: &CycleModel) -> Result<(), TourError> {
    let short = world.wallets.iter().enumerate().filter(|(member, has)| **has < model.owes(*member)).count();
    same("members that could not pay before the crash", short, 0)?;
    step.count("shortBefore", "members that could not pay before the crash", 0);
    Ok(())
}

/// Sets the prices of some hours one by one, calls margin after each, and lets the called members answer.
async fn live_through(world: &mut World, hours: &[Hour]) -> Result<Line, TourError> {
    let kept_bitcoin = world.members.iter().filter(|member| member.kind() == Kind::Bitcoin);
    let participants: Vec<_> = kept_bitcoin.map(|member| member.address()).collect();
    let mut txs = Vec::new();
    for hour in hours {
        txs.push(set_price(world, hour)?);
        let call = Clearing::callMarginCall { participants: participants.clone() };
        txs.push(world.price_account().call(CLEARING, &call, CALL_MARGIN_GAS)?);
    }
    let receipts = world.watch.settle(&txs, WITHIN).await?;
    let called = receipts.iter().map(calls_of).sum();
    let (answers, posted) = answer(world).await?;
    world.watch.settle(&answers, WITHIN).await?;
    let hour = hours.iter().min_by_key(|hour| hour.cents).cloned().unwrap_or_default();
    Ok(Line { hour, called, posted })
}

/// How many margin calls a transaction made.
fn calls_of(receipt: &RpcReceipt) -> usize {
    let logs = receipt.inner.logs().iter();
    logs.filter(|log| log.topics().first() == Some(&Clearing::MarginCalled::SIGNATURE_HASH)).count()
}

/// Every member with an open call posts what is missing, or all that it has.
async fn answer(world: &mut World) -> Result<(Vec<SignedTx>, U256), TourError> {
    let kept_bitcoin: Vec<usize> =
        world.members.iter().filter(|member| member.kind() == Kind::Bitcoin).map(|member| member.index).collect();
    let addresses = world.addresses();
    let of = |index: &usize| addresses[*index];
    let ask: Vec<_> = kept_bitcoin.iter().map(|i| Clearing::participantCall { account: of(i) }).collect();
    let standings = world.rpc.call_many(CLEARING, &ask).await?;
    let called = kept_bitcoin.iter().zip(standings).filter(|(_, standing)| standing.callDeadline != 0);
    let called: Vec<usize> = called.map(|(index, _)| *index).collect();
    let ask: Vec<_> = called.iter().map(|i| Clearing::marginValueCall { participant: of(i) }).collect();
    let values = world.rpc.call_many(CLEARING, &ask).await?;
    let ask: Vec<_> = called.iter().map(|i| Clearing::requirementCall { participant: of(i) }).collect();
    let requirements = world.rpc.call_many(CLEARING, &ask).await?;
    let (mut txs, mut posted, asset) = (Vec::new(), U256::ZERO, world.asset.address);
    for ((index, value), requirement) in called.into_iter().zip(values).zip(requirements) {
        let amount = requirement.saturating_sub(value).min(world.wallets[index]);
        if !amount.is_zero() {
            world.wallets[index] -= amount;
            posted += amount;
            txs.push(world.senders[index].call(CLEARING, &Clearing::postMarginCall { asset, amount }, CALL_GAS)?);
        }
    }
    Ok((txs, posted))
}

fn prices_table(step: &mut Step, world: &World, hours: &[Hour], lines: &[Line]) {
    let right = |name| (name, Align::Right);
    let mut table = Table::new([("hour", Align::Left), right("USD for 1 BTC"), right("called"), right("posted")]);
    let mut rows = Vec::new();
    for line in lines {
        let called = if line.called == 0 { String::new() } else { line.called.to_string() };
        let posted = if line.posted.is_zero() { String::new() } else { amount(world, line.posted) };
        table.row([line.hour.label.clone(), usd(line.hour.cents), called, posted]);
        rows.push(json!({
            "hour": line.hour.label, "cents": line.hour.cents, "called": line.called, "posted": line.posted.to_string(),
        }));
    }
    let caption = format!(
        "All {} real hourly closing prices were set ({}); the lowest of each {HOURS_PER_BLOCK} hours, and the margin calls:",
        hours.len(),
        prices::PATH
    );
    step.table("hours", caption, &table, rows.into());
}
