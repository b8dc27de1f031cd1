//! Probation: passed, failed with a way back, failed without one.

use alloy_sol_types::SolError;
use caldera_execution::registry::abi::IEngineRegistry as abi;
use caldera_node::rpc::RpcError;
use caldera_testkit::PROBE;
use caldera_types::ProbationRule;
use probe_engine::IProbe;

use crate::{
    rig::story,
    road::{Aim, Road},
};

/// Blocks of a probation that goes well.
const BLOCKS: u64 = 40;
/// Steps of the way back.
const STEPS: u64 = 20;

/// One fault in a thousand calls is too much.
fn rule(blocks: u64) -> ProbationRule {
    ProbationRule { blocks, window: 0, min_calls: 1, faults_per_thousand: 1 }
}

pub async fn behave(road: &mut Road) -> Aim {
    road.arm_next(6, rule(BLOCKS)).await;
    Aim::Height { from: road.height, blocks: BLOCKS - 6 }
}

pub async fn is_final(road: &mut Road) -> &'static str {
    let (activated, end) = (road.height, road.height + BLOCKS);
    road.client.reached(end).await;
    let told = story(&road.told, 0, 0, &[("activated", activated), ("final", end)]);
    assert_eq!(road.client.story(road.began).await, told);
    assert_eq!(road.client.at(end - 1).await.phase(), "probation");
    let at = road.client.at(end).await;
    assert_eq!((at.phase(), at.mount.digest), ("active", road.digest));
    "final"
}

/// Version 2 on trial, told how to go back, and one fault of it.
async fn trap(road: &mut Road, told: &[(&str, &str)]) {
    road.arm_next(6, rule(100_000)).await;
    road.client.reached(road.height).await;
    road.told.push(("activated", road.height));
    road.client.set(told).await;
    road.height = road.client.trap().await + 1;
}

pub async fn misbehave(road: &mut Road) -> Aim {
    trap(road, &[("migrate-steps", &STEPS.to_string()), ("in probation", &road.round.to_string())]).await;
    Aim::Height { from: road.height, blocks: STEPS - 4 }
}

/// The generation before stands again, on what was written meanwhile.
pub async fn is_reverted(road: &mut Road) -> &'static str {
    let (began, end) = (road.height, road.height + STEPS - 1);
    road.client.reached(end).await;
    let told = story(&road.told, began, STEPS - 1, &[("reverted", end)]);
    assert_eq!(road.client.story(road.began).await, told);
    assert_eq!(road.client.at(end - 1).await.phase(), "migrating");
    let at = road.client.at(end).await;
    assert_eq!((at.phase(), at.mount.stateVersion), ("active", 1));
    assert_eq!(road.client.entry("in probation", end).await, road.round.to_string());
    assert_eq!(road.client.entry("counter", end).await, format!("step {STEPS}"));
    "reverted"
}

pub async fn misbehave_for_good(road: &mut Road) -> Aim {
    trap(road, &[("migrate-down", "refuse")]).await;
    Aim::Height { from: road.height, blocks: 8 }
}

/// Frozen it stays, until the governor activates a generation that fits.
pub async fn is_frozen(road: &mut Road) -> &'static str {
    let frozen = road.height;
    road.client.reached(frozen + 20).await;
    assert_eq!(road.client.story(road.began).await, story(&road.told, 0, 0, &[("frozen", frozen)]));
    let at = road.client.at(road.client.head().await).await;
    let swap = at.swap.expect("it is frozen");
    assert_eq!((swap.phase.as_str(), swap.since), ("frozen", frozen));
    assert!(swap.reason.ends_with("told to refuse"), "{}", swap.reason);
    match road.client.rpc.call(PROBE, IProbe::generationCall {}).await {
        Err(RpcError::Reverted { data, .. }) => assert!(abi::EngineFrozen::abi_decode(&data).is_ok(), "{data}"),
        other => panic!("{other:?}"),
    }
    road.told.push(("frozen", frozen));
    road.arm_next(6, ProbationRule::NONE).await;
    // What was told in the order in which it happened: the arm came after the freeze.
    road.client.reached(road.height).await;
    let told = story(&road.told, 0, 0, &[("activated", road.height)]);
    assert_eq!(road.client.story(road.began).await, told);
    "frozen"
}
