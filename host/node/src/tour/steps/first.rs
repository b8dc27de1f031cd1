//! Steps 3 and 4: ten thousand obligations are loaded, and netted.

use alloy_primitives::U256;

use crate::{
    output,
    tour::{
        TourError,
        model::CycleModel,
        report::Telling,
        same,
        settle::{self, Settled},
        synthetic::{FIRST, generate},
        world::World,
    },
};

/// Loads the first file.
pub async fn load_first(telling: &mut Telling, world: &mut World) -> Result<CycleModel, TourError> {
    let mut step = telling.begin("load", "10,000 SYNTHETIC obligations are loaded from a CSV file");
    let dues = generate(&FIRST);
    let model = world.model(&dues);
    let (path, loaded) = world.load(&FIRST, &dues).await?;
    same("gross of the file", loaded.gross, model.gross)?;
    step.fact("file", "file (synthetic, from the seed)", path.display());
    step.count("obligations", "obligations", loaded.obligations as u64);
    step.figure("gross", "gross", amount(world, loaded.gross), loaded.gross.to_string());
    step.count("transactions", "transactions", loaded.transactions as u64);
    step.count("blocks", "blocks", loaded.blocks);
    let each = loaded.gas_used / loaded.obligations.max(1) as u64;
    step.figure("gasEach", "gas for each obligation", output::count(each), each);
    let speed = loaded.obligations as f64 / loaded.seconds;
    step.figure("perSecond", "obligations per second", format!("{speed:.0}"), speed.round());
    telling.end(step, &format!("gross {}", amount(world, model.gross)));
    Ok(model)
}

/// Closes cycle 1 under version 1.
pub async fn net_first(telling: &mut Telling, world: &mut World, model: &CycleModel) -> Result<Settled, TourError> {
    let mut step = telling.begin("netting", "Cycle 1 closes: every member pays or receives its net");
    let settled = settle::close(world).await?;
    same("defaults in quiet times", settled.defaults.len(), 0)?;
    settle::verify(world, &settled, model).await?;
    figures(&mut step, world, &settled);
    step.fact("verified", "200 wallets and all sums", "as computed, to the last unit");
    let reduction = output::ratio(settled.cycle.gross, settled.cycle.net);
    telling.end(step, &format!("{reduction} less to pay, {} blocks", settled.blocks));
    Ok(settled)
}

/// What every close is told with.
pub fn figures(step: &mut crate::tour::report::Step, world: &World, settled: &Settled) {
    let cycle = &settled.cycle;
    step.count("obligations", "obligations", cycle.obligations);
    step.figure("gross", "gross", amount(world, cycle.gross), cycle.gross.to_string());
    step.figure("net", "net", amount(world, cycle.net), cycle.net.to_string());
    let reduction = output::ratio(cycle.gross, cycle.net);
    step.figure("reduction", "reduction", reduction.clone(), reduction);
    step.count("blocks", "blocks from close to settlement", settled.blocks);
    step.count("gas", "gas of the engine's work", settled.gas);
    let seconds = settled.time.as_secs_f64();
    step.figure("settleSeconds", "time from close to settlement", output::duration(settled.time), seconds);
}

/// An amount with its symbol.
pub fn amount(world: &World, units: U256) -> String {
    format!("{} {}", output::decimal(units, world.asset.decimals), world.asset.symbol)
}
