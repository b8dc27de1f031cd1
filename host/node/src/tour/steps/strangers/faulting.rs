//! A version 3 that is armed although it is bad: the rule of its probation sends it back.

use std::path::Path;

use caldera_execution::registry::abi::IEngineRegistry::{Activated, Reverted};
use caldera_types::ProbationRule;

use crate::{
    component,
    tour::{
        TourError, governor,
        report::Telling,
        same,
        traffic::Traffic,
        world::{WITHIN, World},
    },
};

const FILE: &str = "clearing-v3-faulting.wasm";
/// Blocks between arming and activation.
const NOTICE_BLOCKS: u64 = 4;
/// Twenty calls, a tenth of which fault.
const RULE: ProbationRule = ProbationRule { blocks: 60, window: 0, min_calls: 20, faults_per_thousand: 100 };

/// Arms it under traffic and waits until it is sent back.
pub async fn sent_back(telling: &mut Telling, world: &mut World, plugins: &Path) -> Result<(), TourError> {
    let mut step =
        telling.begin("probation", "A bad version 3 goes live on probation: the chain's own rule sends it back");
    let engine = component::read(&plugins.join(FILE))?;
    let before = governor::running(world).await?;
    governor::stage(&mut step, world, &engine).await?;
    let traffic = Traffic::start(world);
    let went = go_and_return(world, engine.digest().0).await;
    // The senders come back in any case; the first error is the one to tell.
    let sent = traffic.stop(world).await;
    let ((live, _), (back, reverted)) = went?;
    let hashes: Vec<_> = sent?.iter().map(|sent| sent.hash).collect();
    world.watch.included(&hashes, WITHIN).await?;
    same("engine that came back", reverted.to, before)?;
    same("engine that runs", governor::running(world).await?, before)?;
    step.count("live", "went live in block", live);
    step.count("back", "sent back in block", back);
    step.fact("reason", "because of", &reverted.reason);
    step.count("traffic", "transactions sent meanwhile", hashes.len() as u64);
    world.sent_back_at = Some(back);
    telling.end(step, &format!("live at block {live}, back at block {back}: {}", reverted.reason));
    Ok(())
}

type Told<E> = (u64, E);

async fn go_and_return(
    world: &mut World,
    digest: alloy_primitives::B256,
) -> Result<(Told<Activated>, Told<Reverted>), TourError> {
    let height = governor::arm(world, digest, NOTICE_BLOCKS, RULE).await?;
    let last = height + RULE.blocks;
    let missing = |what: &str| TourError::Broken {
        what: "probation".to_owned(),
        why: format!("blocks {height} to {last} do not say that the engine {what}"),
    };
    world.watch.height_reached(height).await?;
    let live = governor::event::<Activated>(world, height, height).await?.ok_or_else(|| missing("went live"))?;
    for block in height + 1..=last {
        world.watch.height_reached(block).await?;
        if let Some(back) = governor::event::<Reverted>(world, block, block).await? {
            return Ok((live, back));
        }
    }
    Err(missing("was sent back"))
}
