//! What a candidate in the shadow costs the blocks of its chain: none, every tenth call, every call.

use std::time::Duration;

use alloy_primitives::{Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use caldera_bench::Report;
use caldera_chain::shadow::{Candidate, CandidateCode, ShadowOptions};
use caldera_testkit::{PROBE, account, component, sign};
use probe_engine::IProbe;

use crate::{rig::Rig, samples};

/// Blocks of each kind.
const BLOCKS: usize = 60;
/// Transactions in each block, and the accounts that send them.
const TRANSACTIONS: u64 = 240;
const SENDERS: u64 = 6;

/// Makes blocks of the same calls, first without a shadow.
pub fn run(report: &mut Report, interval: Duration) {
    let mut nonce = 0;
    let mut rig = Rig::new(interval);
    let alone = blocks(&mut rig, &mut nonce);
    report.row(&format!("block of {TRANSACTIONS} calls: no shadow"), samples(alone.into_iter()));
    for (name, every) in [("10 % of calls", 10), ("100 % of calls", 1)] {
        let code = CandidateCode::Given(component("probe-odd"));
        let candidate = Candidate { mount: PROBE, code, grants: None, limits: None, config: None };
        let options = ShadowOptions { every, share_percent: 100, ..ShadowOptions::recommended() };
        rig.chain.start_shadow(&candidate, options).expect("the candidate compiles");
        let made = blocks(&mut rig, &mut nonce);
        let status = rig.chain.stop_shadow(PROBE).expect("it runs");
        report.row(&format!("shadow of {name}"), samples(made.into_iter()));
        println!(
            "  {name}: {} calls compared, skipped {:?}; {} blocks executed again, {:.2} ms each, {} cut, {} lost",
            status.report.compared,
            status.report.skipped,
            status.report.blocks,
            status.busy_ms as f64 / status.report.blocks.max(1) as f64,
            status.blocks_cut,
            status.blocks_skipped
        );
    }
}

/// How long each block took to make.
fn blocks(rig: &mut Rig, nonce: &mut u64) -> Vec<Duration> {
    let before = rig.blocks().len();
    for _ in 0..BLOCKS {
        for place in 0..TRANSACTIONS {
            let (sender, own) = ((place % SENDERS) as u8 + 1, *nonce + place / SENDERS);
            // Every other call writes a key that was never there.
            let key = if place % 2 == 0 { own * SENDERS + place } else { place };
            let call = IProbe::setCall { key: key.to_be_bytes().into(), value: Bytes::from_static(b"a value") };
            let tx = sign(&account(sender), own, TxKind::Call(PROBE), U256::ZERO, 400_000, call.abi_encode().into());
            rig.chain.submit(tx, Vec::new()).expect("the chain takes the load");
        }
        *nonce += TRANSACTIONS / SENDERS;
        rig.block();
    }
    rig.blocks()[before..].iter().map(|made| made.build).collect()
}
