//! Who bore which loss: the tables of a cycle with defaults, and the books that must balance after it.

use std::cmp::Reverse;

use alloy_primitives::{Address, U256};
use clearing_rules::abi::{Clearing, IERC20};
use serde_json::{Value, json};

use crate::{
    dev::CLEARING,
    output::{Align, Table, count},
    tour::{TourError, members, report::Step, same, settle::Settled, world::World},
};

/// Lines of each table before the rest is summed up.
const LINES: usize = 8;

/// Tells who defaulted, what covered it and who bore the rest.
pub fn tell(step: &mut Step, world: &World, settled: &Settled) {
    defaulters(step, world, settled);
    creditors(step, world, settled);
    step.fact("conserved", "collected + layers = net; paid = net - losses", "to the last unit");
}

/// Whole dollars: tables hold sums of millions, and programs get every unit in the JSON.
fn whole(world: &World, units: U256) -> String {
    count(units / U256::from(10).pow(U256::from(world.asset.decimals)))
}

fn name(world: &World, address: Address) -> String {
    let member = world.members.iter().find(|member| member.address() == address);
    member.map_or_else(|| address.to_string(), |member| members::name(member.index))
}

fn defaulters(step: &mut Step, world: &World, settled: &Settled) {
    let right = |name| (name, Align::Right);
    let mut table = Table::new([
        ("defaulted", Align::Left),
        right("shortfall"),
        right("1 its margin"),
        right("2 its bitcoin, sold"),
        right("3 default fund"),
        right("4 creditors"),
    ]);
    let mut sorted: Vec<_> = settled.defaults.iter().collect();
    sorted.sort_by_key(|default| Reverse(default.shortfall));
    let cells = |label: String, units: [U256; 5]| {
        let [a, b, c, d, e] = units.map(|units| whole(world, units));
        [label, a, b, c, d, e]
    };
    for default in sorted.iter().take(LINES) {
        let d = default;
        let units = [d.shortfall, d.fromMargin, d.fromCollateral, d.fromFund, d.mutualised];
        table.row(cells(name(world, d.participant), units));
    }
    if sorted.len() > LINES {
        let rest = &sorted[LINES..];
        let sum = |part: fn(&Clearing::Defaulted) -> U256| rest.iter().map(|default| part(default)).sum::<U256>();
        let units = [
            sum(|d| d.shortfall),
            sum(|d| d.fromMargin),
            sum(|d| d.fromCollateral),
            sum(|d| d.fromFund),
            sum(|d| d.mutualised),
        ];
        table.row(cells(format!("{} more", rest.len()), units));
    }
    let cycle = &settled.cycle;
    let shortfall = cycle.fromMargin + cycle.fromCollateral + cycle.fromFund + cycle.mutualised;
    let sums = [shortfall, cycle.fromMargin, cycle.fromCollateral, cycle.fromFund, cycle.mutualised];
    table.row(cells(format!("all {}", sorted.len()), sums));
    let row = |d: &&Clearing::Defaulted| {
        json!({
            "member": name(world, d.participant), "address": d.participant, "shortfall": d.shortfall.to_string(),
            "fromMargin": d.fromMargin.to_string(), "fromCollateral": d.fromCollateral.to_string(),
            "fromFund": d.fromFund.to_string(), "mutualised": d.mutualised.to_string(),
        })
    };
    let caption =
        format!("The waterfall, in whole {} (EMIR article 45; PFMI principles 4 and 13):", world.asset.symbol);
    step.table("defaults", caption, &table, sorted.iter().map(row).collect());
}

fn creditors(step: &mut Step, world: &World, settled: &Settled) {
    let mut table = Table::new([("creditor", Align::Left), ("bears", Align::Right)]);
    let mut sorted: Vec<_> = settled.losses.iter().collect();
    sorted.sort_by_key(|(_, loss)| Reverse(**loss));
    for (creditor, loss) in sorted.iter().take(LINES) {
        table.row([name(world, **creditor), whole(world, **loss)]);
    }
    let rest = sorted.iter().skip(LINES);
    if sorted.len() > LINES {
        table.row([format!("{} more", sorted.len() - LINES), whole(world, rest.map(|(_, loss)| **loss).sum())]);
    }
    table.row([format!("all {}", sorted.len()), whole(world, settled.cycle.mutualised)]);
    let row = |(creditor, loss): &(&Address, &U256)| -> Value {
        json!({ "member": name(world, **creditor), "address": creditor, "loss": loss.to_string() })
    };
    let caption = "What no layer covered, shared by the net creditors pro rata:";
    step.table("losses", caption, &table, sorted.iter().map(row).collect());
}

/// Both tokens that the engine holds are the sum of what it owes: margins, the fund, undelivered purchases.
pub async fn engine_holds_what_it_owes(world: &World) -> Result<(), TourError> {
    let calls: Vec<_> =
        world.addresses().into_iter().map(|participant| Clearing::marginOfCall { participant }).collect();
    let margins = world.rpc.call_many(CLEARING, &calls).await?;
    let fund = world.rpc.call(CLEARING, Clearing::defaultFundCall {}).await?;
    let dollars: U256 = margins.iter().map(|margin| margin.settlement).sum::<U256>() + fund;
    let bitcoin: U256 = margins.iter().map(|margin| margin.collateral).sum();
    let balance = IERC20::balanceOfCall { account: CLEARING };
    let holds = world.rpc.call(world.asset.address, balance.clone()).await?;
    same("dollars that the engine holds", holds, dollars)?;
    let holds = world.rpc.call(world.config.collateralAsset, balance).await?;
    same("bitcoin that the engine holds", holds, bitcoin)
}
