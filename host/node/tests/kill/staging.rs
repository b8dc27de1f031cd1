//! From a component's bytes to a pointer that moves: staging, arming, the activation, a configuration alone.

use caldera_execution::registry::abi::IEngineRegistry as abi;
use caldera_testkit::{PROBE, component};
use caldera_types::{Component, ProbationRule};

use crate::{
    rig::{WITHIN, story, variant},
    road::{Aim, Road},
};

/// Less than a large component takes to compile, in milliseconds.
const COMPILE_MS: u64 = 300;

/// Another component each round, so that none is known.
fn fresh(road: &mut Road) -> Component {
    let component = variant("probe-v2", &format!("round {}", road.round));
    road.digest = component.digest().0;
    component
}

pub async fn send(road: &mut Road) -> Aim {
    let component = fresh(road);
    bring(road, component).await;
    Aim::Height { from: 0, blocks: 1 }
}

/// A large component, so that compiling takes its time: the node dies with its compiler at work.
pub async fn compile(road: &mut Road) -> Aim {
    bring_large(road).await;
    Aim::Compiler(COMPILE_MS)
}

/// The same, and the node dies when what was compiled goes to disk.
pub async fn cache(road: &mut Road) -> Aim {
    bring_large(road).await;
    Aim::CacheWrite
}

async fn bring_large(road: &mut Road) {
    let component = variant("clearing-v2", &format!("{} round {}", road.began, road.round));
    road.digest = component.digest().0;
    bring(road, component).await;
}

async fn bring(road: &mut Road, component: Component) {
    let tx = road.client.stage_tx(&component).await;
    road.client.rpc.send_with_sidecar(&tx.raw, &[component.bytes()]).await.expect("the node takes it");
    road.sent = Some((tx, Some(component)));
}

/// What was half compiled or half written leaves nothing behind, and compiles again.
pub async fn is_compiled_again(road: &mut Road) -> &'static str {
    assert!(!road.is_half_written(), "the cache is cleared of what is unfinished when it is opened");
    let ended = is_off(road).await;
    assert!(!road.is_uncached(), "it is compiled, and kept");
    ended
}

/// A candidate runs beside the active engine.
pub async fn shadow(road: &mut Road) -> Aim {
    road.digest = component("probe-v2").digest().0;
    start_shadow(road);
    Aim::Height { from: 0, blocks: 20 }
}

fn start_shadow(road: &Road) {
    let digest = road.digest.to_string();
    let (code, said) = tokio::task::block_in_place(|| road.shadow(&["start", "--digest", &digest]));
    assert_eq!(code, 0, "{said}");
}

/// A shadow is the node's own and ends with it: the chain knows nothing of it, and another can be started.
pub async fn is_cleanly_off(road: &mut Road) -> &'static str {
    let (code, said) = tokio::task::block_in_place(|| road.shadow(&["report"]));
    assert!(code != 0 && said.contains("no shadow run"), "{said}");
    assert_eq!(road.client.story(road.began).await, [], "the registry hears of no shadow");
    start_shadow(road);
    let began = std::time::Instant::now();
    loop {
        let (code, said) = tokio::task::block_in_place(|| road.shadow(&["report"]));
        let report: serde_json::Value = serde_json::from_str(&said).unwrap_or_default();
        if code == 0 && report["compared"].as_u64() > Some(0) {
            break;
        }
        assert!(began.elapsed() < WITHIN, "it compares nothing: {said}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let (code, said) = tokio::task::block_in_place(|| road.shadow(&["stop"]));
    assert_eq!(code, 0, "{said}");
    "off, started again"
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
    Aim::Height { from: 0, blocks: 4 }
}

pub async fn goes_on_from_staged(road: &mut Road) -> &'static str {
    road.arm(road.digest, 6, b"", ProbationRule::NONE).await;
    is_active(road).await
}

/// Every second time to be called back after the restart, so far enough ahead for that.
pub async fn arm(road: &mut Road) -> Aim {
    let ahead = if is_called_back(road) { 2_000 } else { 50 };
    road.arm_next(ahead, ProbationRule::NONE).await;
    Aim::Height { from: 0, blocks: 20 }
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
    Aim::Height { from: road.height - 2, blocks: 2 }
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
    Aim::Height { from: road.height - 2, blocks: 2 }
}

pub async fn is_configured(road: &mut Road) -> &'static str {
    let ended = is_active(road).await;
    let config = config(road);
    assert_ne!(road.client.entry("config", road.height - 1).await, config);
    assert_eq!(road.client.entry("config", road.height).await, config);
    assert_eq!(road.client.at(road.height).await.mount.config[..], *config.as_bytes());
    ended
}
