//! From a component's bytes to a pointer that moves: staging, arming, the activation, a configuration alone.

use caldera_execution::registry::abi::IEngineRegistry as abi;
use caldera_testkit::{PROBE, component};
use caldera_types::{Component, ProbationRule};

use crate::{
    rig::{story, variant},
    road::{Aim, Road},
};

/// Another component each round, so that none is known.
fn fresh(road: &mut Road) -> Component {
    let component = variant("probe-v2", &format!("round {}", road.round));
    road.digest = component.digest().0;
    component
}

pub async fn send(road: &mut Road) -> Aim {
    let component = fresh(road);
    let tx = road.client.stage_tx(&component).await;
    road.client.rpc.send_with_sidecar(&tx.raw, &[component.bytes()]).await.expect("the node takes it");
    road.sent = Some((tx, Some(component)));
    Aim { from: 0, blocks: 1 }
}

/// What was only in the pool is gone, without a trace; sent again, it is staged once.
pub async fn is_off(road: &mut Road) -> &'static str {
    let (tx, component) = road.sent.clone().expect("it was sent");
    let component = component.expect("with its component");
    let logged = road.is_logged();
    let at = road.client.at(road.client.head().await).await;
    assert_eq!(at.staged.contains(&road.digest), logged);
    if !logged {
        assert_eq!(road.client.story(road.began).await, []);
        road.client.rpc.send_with_sidecar(&tx.raw, &[component.bytes()]).await.expect("the node takes it");
    }
    let receipt = road.client.receipt(tx.hash).await;
    assert!(receipt.status(), "it is staged");
    let block = receipt.block_number.expect("it is in a block");
    assert_eq!(road.client.story(road.began).await, [("staged", block)]);
    let at = road.client.at(block).await;
    assert_eq!(at.staged.iter().filter(|digest| **digest == road.digest).count(), 1);
    if logged { "staged" } else { "not staged" }
}

pub async fn stage(road: &mut Road) -> Aim {
    let component = fresh(road);
    let block = road.client.stage(&component).await;
    road.told.push(("staged", block));
    Aim { from: 0, blocks: 4 }
}

pub async fn goes_on_from_staged(road: &mut Road) -> &'static str {
    road.arm(road.digest, 6, b"", ProbationRule::NONE).await;
    is_active(road).await
}

/// Every second time to be called back after the restart, so far enough ahead for that.
pub async fn arm(road: &mut Road) -> Aim {
    let ahead = if is_called_back(road) { 2_000 } else { 50 };
    road.arm_next(ahead, ProbationRule::NONE).await;
    Aim { from: 0, blocks: 20 }
}

fn is_called_back(road: &Road) -> bool {
    road.round.is_multiple_of(2)
}

pub async fn goes_on_from_armed(road: &mut Road) -> &'static str {
    if !is_called_back(road) {
        return is_active(road).await;
    }
    let block = road.client.govern(&abi::disarmCall { mount: PROBE }).await;
    road.told.push(("disarmed", block));
    assert_eq!(road.client.story(road.began).await, road.told);
    let at = road.client.at(block).await;
    assert!(at.armed.is_empty() && at.phase() == "active");
    "disarmed"
}

pub async fn activate(road: &mut Road) -> Aim {
    road.arm_next(8, ProbationRule::NONE).await;
    Aim { from: road.height - 2, blocks: 2 }
}

/// It goes live at its height, whenever the node died.
pub async fn is_active(road: &mut Road) -> &'static str {
    road.client.reached(road.height).await;
    assert_eq!(road.client.story(road.began).await, story(&road.told, 0, 0, &[("activated", road.height)]));
    let (before, at) = (road.client.at(road.height - 1).await, road.client.at(road.height).await);
    assert_eq!((at.mount.digest, at.mount.generation), (road.digest, before.mount.generation + 1));
    assert_eq!(at.phase(), "active");
    "active"
}

fn config(road: &Road) -> String {
    format!("round {}", road.round)
}

pub async fn configure(road: &mut Road) -> Aim {
    let config = config(road);
    road.arm(component("probe-v1").digest().0, 8, config.as_bytes(), ProbationRule::NONE).await;
    Aim { from: road.height - 2, blocks: 2 }
}

pub async fn is_configured(road: &mut Road) -> &'static str {
    let ended = is_active(road).await;
    let config = config(road);
    assert_ne!(road.client.entry("config", road.height - 1).await, config);
    assert_eq!(road.client.entry("config", road.height).await, config);
    assert_eq!(road.client.at(road.height).await.mount.config[..], *config.as_bytes());
    ended
}
