//! A version 3 that computes something else: caught in the shadow, before anybody arms it.

use std::{path::Path, time::Duration};

use caldera_api::admin::view::{ShadowReport, ShadowRequest};
use clearing_rules::abi::Clearing;
use serde_json::json;

use crate::{
    component,
    ctl::Admin,
    dev::CLEARING,
    output::{self, Align, Table},
    tour::{
        TourError, holds,
        report::{Step, Telling},
        traffic::Traffic,
        world::{CALL_GAS, WITHIN, World},
    },
};

const FILE: &str = "clearing-v3-rounding.wasm";
/// Blocks with traffic while the candidate runs in the shadow.
const BLOCKS: u64 = 8;
/// Members whose requirement is asked by a transaction, as a contract would.
const QUESTIONS: usize = 12;
/// How often they are asked at most: on a busy machine the shadow has no time for each of them.
const ROUNDS: usize = 6;
/// The kind of divergence that a rounded answer is.
const RETURNED: &str = "return-data";
/// How long the shadow may be behind the chain.
const BEHIND: Duration = Duration::from_secs(10);

/// Lets the candidate run beside version 2 on live traffic.
pub async fn shadowed(
    telling: &mut Telling,
    world: &mut World,
    admin: &Admin,
    plugins: &Path,
) -> Result<(), TourError> {
    let mut step =
        telling.begin("shadow", "A version 3 that rounds runs in the shadow of live traffic: it is never armed");
    let engine = component::read(&plugins.join(FILE))?;
    let request = ShadowRequest {
        digest: None,
        component: Some(engine.bytes().clone()),
        grants: None,
        config: None,
        share_percent: 50,
        every: 1,
        samples: 2,
    };
    admin.shadow(CLEARING, &request).await?;
    let traffic = Traffic::start(world);
    let asked = ask(world, admin).await;
    let until = world.watch.height() + BLOCKS;
    let passed = world.watch.height_reached(until).await;
    // The senders come back in any case; the first error is the one to tell.
    let sent = traffic.stop(world).await;
    asked?;
    passed?;
    let hashes: Vec<_> = sent?.iter().map(|sent| sent.hash).collect();
    world.watch.receipts(&hashes, WITHIN).await?;
    caught_up(admin).await?;
    let report = admin.end_shadow(CLEARING).await?;
    tell(&mut step, &report)?;
    let kinds: Vec<_> = found(&report).map(|(kind, _)| kind.as_str()).collect();
    let remark = format!("{} calls compared, diverging in {}", output::count(report.compared), kinds.join(" and "));
    telling.end(step, &remark);
    Ok(())
}

/// Asks what members must post, by transactions, until the shadow has run one of them that differs.
async fn ask(world: &mut World, admin: &Admin) -> Result<(), TourError> {
    for _ in 0..ROUNDS {
        let participants: Vec<_> = world.addresses().into_iter().take(QUESTIONS).collect();
        let mut txs = Vec::with_capacity(participants.len());
        for participant in participants {
            txs.push(world.operator().call(CLEARING, &Clearing::requirementCall { participant }, CALL_GAS)?);
        }
        world.watch.settle(&txs, WITHIN).await?;
        let report = admin.shadow_report(CLEARING).await?;
        if found(&report).any(|(kind, _)| kind == RETURNED) {
            break;
        }
    }
    Ok(())
}

/// Waits until the shadow has nothing more to compare.
async fn caught_up(admin: &Admin) -> Result<(), TourError> {
    let began = std::time::Instant::now();
    let mut before = u64::MAX;
    while began.elapsed() < BEHIND {
        let compared = admin.shadow_report(CLEARING).await?.compared;
        if compared == before {
            return Ok(());
        }
        before = compared;
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    Ok(())
}

/// The kinds of divergence that there were.
fn found(report: &ShadowReport) -> impl Iterator<Item = (&String, u64)> {
    report.divergences.iter().filter(|(_, count)| **count > 0).map(|(kind, count)| (kind, *count))
}

fn tell(step: &mut Step, report: &ShadowReport) -> Result<(), TourError> {
    step.fact("candidate", "candidate", report.candidate);
    step.count("compared", "calls run in both", report.compared);
    step.count("skipped", "calls skipped for lack of time", report.skipped.values().sum());
    let mut table = Table::new([("divergence", Align::Left), ("calls", Align::Right)]);
    for (kind, count) in found(report) {
        table.row([kind.clone(), output::count(count)]);
    }
    step.table("divergences", "What it would have done otherwise:", &table, json!(report.divergences));
    let count = |kind: &str| report.divergences.get(kind).copied().unwrap_or_default();
    holds("rounding is seen in the storage", count("storage") > 0, || format!("{:?}", report.divergences))?;
    holds("rounding is seen in what is returned", count(RETURNED) > 0, || format!("{:?}", report.divergences))
}
