//! Migrations over several blocks: to their end, to a failure, to an abort; and what is left to clear away.

use alloy_primitives::{B256, U64, keccak256};
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use caldera_testkit::PROBE;
use caldera_types::ProbationRule;
use jsonrpsee_core::rpc_params;

use crate::{
    rig::{Standing, story},
    road::{Aim, Road},
};

/// Steps of a migration that goes well.
const STEPS: u64 = 30;
/// The step, from 0, in which one fails.
const FAILS_AT: u64 = 10;
/// Steps of one whose old values take blocks to be dropped, and entries that each step writes.
const SWEPT: (u64, u64) = (8, 700);

pub async fn migrate(road: &mut Road) -> Aim {
    let steps = STEPS.to_string();
    road.client.set(&[("counter", "before"), ("migrate-steps", &steps)]).await;
    road.arm_next(6, ProbationRule::NONE).await;
    Aim::Height { from: road.height, blocks: STEPS - 4 }
}

/// A step each block, none left out and none made twice; until the last one the old state answers.
pub async fn is_done(road: &mut Road, at: &Standing) -> &'static str {
    let (began, end) = (road.height, road.height + STEPS - 1);
    road.client.reached(end).await;
    let told = story(&road.told, began, STEPS - 1, &[("activated", end)]);
    assert_eq!(road.client.story(road.began).await, told);
    for number in [at.number, began, end - 1] {
        if (began..end).contains(&number) {
            let then = road.client.at(number).await;
            assert_eq!((then.phase(), then.mount.stateVersion), ("migrating", 1));
            assert_eq!(road.client.entry("counter", number).await, "before", "at block {number}");
        }
    }
    let at = road.client.at(end).await;
    assert_eq!((at.phase(), at.mount.digest), ("active", road.digest));
    assert_eq!(road.client.entry("counter", end).await, format!("step {STEPS}"));
    "active"
}

pub async fn fail(road: &mut Road) -> Aim {
    let at = FAILS_AT.to_string();
    let told = [("migrate-steps", "20"), ("migrate-writes", "600"), ("migrate-at", &at), ("migrate", "refuse")];
    road.client.set(&told).await;
    road.began = road.client.head().await;
    road.arm_next(6, ProbationRule::NONE).await;
    road.told = story(&road.told, road.height, FAILS_AT, &[("failed", road.height + FAILS_AT)]);
    Aim::Height { from: road.height + FAILS_AT, blocks: 3 }
}

pub async fn abort(road: &mut Road) -> Aim {
    road.client.set(&[("migrate-steps", "1000"), ("migrate-writes", "500")]).await;
    road.began = road.client.head().await;
    road.arm_next(6, ProbationRule::NONE).await;
    road.client.reached(road.height + 7).await;
    let block = road.client.govern(&abi::abortCall { mount: PROBE }).await;
    // The migration takes its step of that block first.
    let steps = block - road.height + 1;
    road.told = story(&road.told, road.height, steps, &[("failed", block)]);
    Aim::Height { from: block, blocks: 2 }
}

/// The engine's every slot and what the registry says is as it was before anything was armed; that no slot of the registry is
/// left over is shown where its storage can be listed.
pub async fn is_undone(road: &mut Road) -> &'static str {
    road.client.until("undone", |at| at.swap.is_none()).await;
    let mut story = road.client.story(road.began).await;
    let (last, undone) = story.pop().expect("it is told");
    assert_eq!((last, &story), ("rolled back", &road.told));
    let failed = story.last().map_or(0, |(_, height)| *height);
    assert!(undone > failed, "it takes a block of its own");
    let before = road.client.at(road.began).await;
    let after = road.client.at(undone).await;
    assert_eq!(after.storage[0], before.storage[0], "every entry of the engine is as before");
    assert_eq!((&after.mount, after.phase()), (&before.mount, "active"));
    assert_eq!((&after.armed, &after.staged, after.sweeping), (&before.armed, &before.staged, false));
    "rolled back"
}

pub async fn succeed(road: &mut Road) -> Aim {
    let (steps, writes) = SWEPT;
    road.client.set(&[("migrate-steps", &steps.to_string()), ("migrate-writes", &writes.to_string())]).await;
    road.arm_next(6, ProbationRule::NONE).await;
    Aim::Height { from: road.height + steps - 1, blocks: 2 }
}

pub async fn is_swept(road: &mut Road) -> &'static str {
    let (steps, writes) = SWEPT;
    let (began, end) = (road.height, road.height + steps - 1);
    let at = road.client.until("swept", |at| at.number > end && !at.sweeping).await;
    assert_eq!(road.client.story(road.began).await, story(&road.told, began, steps - 1, &[("activated", end)]));
    // The last step needs no way back.
    for place in [0, 1, writes, (steps - 1) * writes - 1] {
        assert_ne!(kept(road, began, place, end).await, B256::ZERO, "old value {place} was kept until the end");
        assert_eq!(kept(road, began, place, at.number).await, B256::ZERO, "old value {place} is dropped");
    }
    assert_eq!(road.client.entry(&format!("moved/{}", steps * writes - 1), at.number).await, "by the migration");
    "active"
}

/// The slot in the registry where the n-th key that a migration overwrote is kept.
async fn kept(road: &Road, since: u64, place: u64, number: u64) -> B256 {
    let key = [b"old/".as_slice(), PROBE.as_slice(), &since.to_be_bytes(), b"/place/", &place.to_be_bytes()].concat();
    let slot = keccak256([key.as_slice(), &[0; 32]].concat());
    let params = rpc_params![registry::ADDRESS, slot, U64::from(number)];
    road.client.rpc.request("eth_getStorageAt", params).await.expect("the node answers")
}
