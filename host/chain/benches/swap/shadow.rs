//! What a candidate in the shadow costs the blocks of its chain: none, every tenth call, every call.

use std::time::Duration;

use alloy_primitives::{Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use caldera_bench::Report;
use caldera_chain::shadow::{Candidate, CandidateCode, ShadowOptions};
use caldera_testkit::{PROBE, account, component, sign};
use probe_engine::IProbe;

use crate::{
    rig::{self, Rig},
    samples,
};

/// Turns of each kind, one after the other, so that a state that grows and a machine that changes bear on all alike.
const TURNS: usize = 6;
/// Blocks of one turn.
const BLOCKS: usize = 20;
/// Transactions in each block, and the accounts that send them.
const TRANSACTIONS: u64 = 240;
const SENDERS: u64 = 6;

/// A share of the calls that goes to the candidate, too.
struct Share {
    name: &'static str,
    /// Every n-th call; none without a shadow.
    every: Option<u32>,
    made: Vec<Duration>,
    compared: u64,
    skipped: u64,
    blocks: u64,
    cut: u64,
    lost: u64,
    busy_ms: u64,
}

impl Share {
    fn of(name: &'static str, every: Option<u32>) -> Self {
        let (made, compared, skipped, blocks, cut, lost, busy_ms) = Default::default();
        Self { name, every, made, compared, skipped, blocks, cut, lost, busy_ms }
    }

    /// Makes the blocks of one turn.
    fn turn(&mut self, rig: &mut Rig, nonce: &mut u64) {
        let Some(every) = self.every else { return self.made.extend(blocks(rig, nonce)) };
        let code = CandidateCode::Given(component("probe-odd"));
        let candidate = Candidate { mount: PROBE, code, grants: None, limits: None, config: None };
        let options = ShadowOptions { every, share_percent: 100, ..ShadowOptions::recommended() };
        rig.chain.start_shadow(&candidate, options).expect("the candidate compiles");
        self.made.extend(blocks(rig, nonce));
        // The last block's shadow ends before it is stopped.
        std::thread::sleep(rig.chain.spec().block_interval);
        let status = rig.chain.stop_shadow(PROBE).expect("it runs");
        self.compared += status.report.compared;
        self.skipped += status.report.skipped.values().sum::<u64>();
        self.blocks += status.report.blocks;
        (self.cut, self.lost) = (self.cut + status.blocks_cut, self.lost + status.blocks_skipped);
        self.busy_ms += status.busy_ms;
    }
}

/// Makes blocks of the same calls with each share in turn.
pub fn run(report: &mut Report, interval: Duration) {
    let (mut nonce, mut rig) = (0, Rig::new(interval, &rig::engines()));
    let mut shares = [
        Share::of("no shadow", None),
        Share::of("shadow of 10 % of calls", Some(10)),
        Share::of("shadow of 100 % of calls", Some(1)),
    ];
    blocks(&mut rig, &mut nonce);
    for _ in 0..TURNS {
        shares.iter_mut().for_each(|share| share.turn(&mut rig, &mut nonce));
    }
    let [alone, shadowed @ ..] = shares;
    for share in &shadowed {
        let Share { name, compared, skipped, blocks, cut, lost, busy_ms, .. } = share;
        let each = *busy_ms as f64 / (*blocks).max(1) as f64;
        println!(
            "  {name}: {compared} compared, {skipped} left out; {blocks} blocks executed again in {each:.2} ms each, {cut} cut short, {lost} lost"
        );
    }
    let name = format!("block of {TRANSACTIONS} calls");
    report.row(&format!("{name}: no shadow"), samples(alone.made.iter().copied()));
    for share in shadowed {
        let alone = samples(alone.made.iter().copied());
        report.row_against(&format!("{name}: {}", share.name), samples(share.made.into_iter()), "no shadow", alone);
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
