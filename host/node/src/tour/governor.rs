//! What the governor does in the tour: stages components, arms them, and reads what the registry says of it.

use alloy_primitives::B256;
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::SolEvent;
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use caldera_types::{Component, EngineLimits, Grants, ProbationRule};

use super::{
    TourError,
    report::Step,
    world::{CALL_GAS, WITHIN, World},
};
use crate::{check, ctl::stage_tx, dev::CLEARING, output};

/// Checks a component, stages it, and tells what it is.
pub async fn stage(step: &mut Step, world: &mut World, engine: &Component) -> Result<(), TourError> {
    let (grants, limits) = (Grants::ENGINE, EngineLimits::recommended());
    let checked = check::check(engine, grants, &limits)?;
    let tx = stage_tx(world.operator(), engine, grants, &limits)?;
    world.rpc.send_with_sidecar(&tx.raw, &[engine.bytes()]).await?;
    let receipts = world.watch.receipts(&[tx.hash], WITHIN).await?;
    step.fact("engine", "engine", format!("{} {}", checked.name, checked.version));
    step.fact("digest", "digest", engine.digest());
    let bytes = engine.bytes().len() as u64;
    step.figure("bytes", "size", output::bytes(bytes), bytes);
    step.count("stageGas", "gas to stage", receipts.iter().map(|receipt| receipt.gas_used).sum());
    Ok(())
}

/// Arms a staged component for the clearing engine's mount `ahead` blocks from now; gives the height.
pub async fn arm(world: &mut World, digest: B256, ahead: u64, probation: ProbationRule) -> Result<u64, TourError> {
    let height = world.rpc.block_number().await? + ahead;
    let call =
        abi::armCall { mount: CLEARING, digest, height, config: Default::default(), probation: probation.into() };
    let tx = world.operator().call(registry::ADDRESS, &call, CALL_GAS)?;
    world.watch.settle(&[tx], WITHIN).await?;
    Ok(height)
}

/// The first event of a kind that the registry emitted in these blocks, with its height.
pub async fn event<E: SolEvent>(world: &World, from: u64, to: u64) -> Result<Option<(u64, E)>, TourError> {
    let filter = Filter::new().address(registry::ADDRESS).from_block(from).to_block(to);
    let logs = world.rpc.logs(&filter).await?;
    let found = logs.iter().find_map(|log| Some((log.block_number?, E::decode_log(&log.inner).ok()?.data)));
    Ok(found)
}

/// The digest that runs at the clearing engine's mount.
pub async fn running(world: &World) -> Result<B256, TourError> {
    Ok(world.rpc.call(registry::ADDRESS, abi::mountAtCall { mount: CLEARING }).await?.digest)
}
