//! A candidate in the shadow of a live chain: what it finds, what it may take, how it ends; and the same offline.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use caldera_chain::{
    Chain, ChainSpec, PoolOptions,
    shadow::{Candidate, CandidateCode, Replay, ShadowError, ShadowOptions, ShadowState, ShadowStatus, replay},
};
use caldera_execution::{
    registry::{self, abi::IEngineRegistry as abi},
    shadow::{DivergenceKind as Kind, ShadowLimits, Skip, StateMode},
};
use caldera_state::{ChainState, StateOptions};
use caldera_testkit::{PROBE, account, component, engines, genesis, sign};
use caldera_types::{Component, EngineLimits, Grants, ProbationRule};
use probe_engine::IProbe;

const GAS: u64 = 2_000_000;
const TIME: Duration = Duration::from_secs(5);

fn open(dir: &Path) -> Arc<Chain> {
    let spec = ChainSpec {
        name: "test".into(),
        genesis: genesis(&["probe-v1"]),
        // So long that no time runs out unless a test wants it to.
        block_interval: Duration::from_secs(60),
        pool: PoolOptions::recommended(),
    };
    Chain::open(spec, dir, StateOptions::recommended(), engines(), &mut |_| {}).unwrap()
}

fn candidate(name: &str) -> Candidate {
    let code = CandidateCode::Given(component(name));
    Candidate { mount: PROBE, code, grants: None, limits: None, config: None }
}

/// Sends calls of the probe from account 1 and makes a block of them.
fn block(chain: &Chain, calls: &[Vec<u8>]) -> u64 {
    let nonce = chain.next_nonce(account(1).address()).unwrap();
    for (place, call) in (nonce..).zip(calls) {
        let tx = sign(&account(1), place, TxKind::Call(PROBE), U256::ZERO, GAS, call.clone().into());
        chain.submit(tx, Vec::new()).unwrap();
    }
    chain.produce_block(1_700_000_000, TIME).unwrap().number()
}

fn set(key: &str, value: &str) -> Vec<u8> {
    let (key, value) = (Bytes::copy_from_slice(key.as_bytes()), Bytes::copy_from_slice(value.as_bytes()));
    IProbe::setCall { key, value }.abi_encode()
}

fn get(key: &str) -> Vec<u8> {
    IProbe::getCall { key: Bytes::copy_from_slice(key.as_bytes()) }.abi_encode()
}

fn echo() -> Vec<u8> {
    IProbe::echoCall { data: Bytes::from_static(b"abc") }.abi_encode()
}

/// Waits until the shadow is where the test wants it.
fn wait(chain: &Chain, until: impl Fn(&ShadowStatus) -> bool) -> ShadowStatus {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let status = chain.shadow(PROBE).unwrap();
        if until(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "{status:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Stages a component and arms it two blocks ahead.
fn swap(chain: &Chain, next: &Component) {
    let stage = abi::stageCall {
        digest: next.digest().0,
        size: u32::try_from(next.bytes().len()).unwrap(),
        grants: Grants::ALL.bits(),
        limits: EngineLimits::recommended().into(),
    };
    let call = |nonce, gas, input: Vec<u8>| {
        sign(&account(0), nonce, TxKind::Call(registry::ADDRESS), U256::ZERO, gas, input.into())
    };
    chain.submit(call(0, 10_000_000, stage.abi_encode()), vec![next.clone()]).unwrap();
    let height = chain.head().number() + 3;
    let (config, probation) = (Bytes::new(), ProbationRule::NONE.into());
    let arm = abi::armCall { mount: PROBE, digest: next.digest().0, height, config, probation };
    chain.submit(call(1, GAS, arm.abi_encode()), Vec::new()).unwrap();
}

#[test]
fn a_live_shadow_finds_what_a_replay_finds() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    chain.start_shadow(&candidate("probe-odd"), ShadowOptions::recommended()).unwrap();
    block(&chain, &[set("a", "b"), echo(), get("a")]);
    block(&chain, &[set("a", "odd"), echo(), set("c", "d"), IProbe::spinCall {}.abi_encode()]);
    let last = block(&chain, &[get("a"), IProbe::trapCall {}.abi_encode()]);
    let live = wait(&chain, |status| status.report.blocks == last);
    assert_eq!((live.state, live.blocks_cut, live.blocks_skipped), (ShadowState::Running, 0, 0));
    assert_eq!((live.report.compared, live.report.diverging), (9, 4));
    let of = |kind| live.report.divergences[&kind];
    assert_eq!([of(Kind::ReturnData), of(Kind::Storage), of(Kind::Fault), of(Kind::Result)], [2, 1, 1, 0]);
    let stopped = chain.stop_shadow(PROBE).unwrap();
    assert_eq!((stopped.state, &stopped.report), (ShadowState::Stopped, &live.report));
    assert!(chain.shadow(PROBE).is_none() && chain.shadows().is_empty());
    drop(chain);
    let state = ChainState::open(dir.path(), StateOptions::recommended()).unwrap();
    let range = Replay { first: 1, last, limits: ShadowLimits::recommended() };
    let mut told = Vec::new();
    let offline = replay(&state, &engines(), &candidate("probe-odd"), range, &mut |n| told.push(n)).unwrap();
    assert_eq!((offline.report, offline.replaced), (live.report, None));
    assert_eq!(told, [1, 2, 3]);
}

#[test]
fn a_copy_of_the_state_is_migrated_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    block(&chain, &[set("before", "x")]);
    chain.start_shadow(&candidate("probe-v2"), ShadowOptions::recommended()).unwrap();
    block(&chain, &[get("before"), set("k", "v")]);
    let last = block(&chain, &[get("k"), IProbe::blocksCall {}.abi_encode()]);
    let status = wait(&chain, |status| status.report.blocks == 2);
    assert_eq!((status.report.state.mode, status.report.state.copies), (StateMode::Copy, 1));
    let (returns, events) = (status.report.divergences[&Kind::ReturnData], status.report.divergences[&Kind::Events]);
    assert_eq!((returns, events, status.report.compared), (1, 2, 6), "{:?}", status.report);
    chain.stop_shadow(PROBE).unwrap();
    drop(chain);
    let state = ChainState::open(dir.path(), StateOptions::recommended()).unwrap();
    let range = Replay { first: 2, last, limits: ShadowLimits::recommended() };
    let offline = replay(&state, &engines(), &candidate("probe-v2"), range, &mut |_| {}).unwrap();
    assert_eq!(offline.report, status.report);
}

#[test]
fn what_runs_at_the_mount_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    let next = component("probe-v2");
    swap(&chain, &next);
    block(&chain, &[]);
    let staged = Candidate { code: CandidateCode::Staged(next.digest()), ..candidate("probe-v1") };
    chain.start_shadow(&staged, ShadowOptions::recommended()).unwrap();
    for _ in 0..4 {
        block(&chain, &[get("k")]);
    }
    let status = wait(&chain, |status| status.state != ShadowState::Running);
    assert_eq!(status.state, ShadowState::Finished("the candidate went live at block 3".into()));
    assert_eq!((status.report.active, status.report.candidate), (component("probe-v1").digest(), next.digest()));
    // What ended makes room; the engine that runs now agrees with itself.
    chain.start_shadow(&staged, ShadowOptions::recommended()).unwrap();
    block(&chain, &[get("k"), set("k", "v")]);
    let status = wait(&chain, |status| status.report.blocks > 0);
    assert!(status.report.agrees() && status.report.compared == 3, "{:?}", status.report);
}

#[test]
fn time_and_sampling_are_kept_to() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    let no_time = ShadowOptions { share_percent: 0, ..ShadowOptions::recommended() };
    chain.start_shadow(&candidate("probe-odd"), no_time).unwrap();
    block(&chain, &[echo(), echo(), echo()]);
    let status = wait(&chain, |status| status.blocks_cut == 1 && status.report.skipped.len() == 1);
    assert_eq!((status.report.skipped[&Skip::Budget], status.report.compared), (3, 0));
    chain.stop_shadow(PROBE).unwrap();
    let sparse = ShadowOptions { every: 3, ..ShadowOptions::recommended() };
    chain.start_shadow(&candidate("probe-odd"), sparse).unwrap();
    block(&chain, &[echo(), echo(), echo(), echo(), echo()]);
    let status = wait(&chain, |status| status.report.blocks == 1);
    assert_eq!((status.report.skipped[&Skip::Sampling], status.report.compared), (3, 2));
}

#[test]
fn a_shadow_that_is_behind_loses_blocks_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    chain.start_shadow(&candidate("probe-v1"), ShadowOptions::recommended()).unwrap();
    // Each takes the shadow longer than the chain takes for an empty block.
    let busy: Vec<_> = (0..20).map(|_| IProbe::spinCall {}.abi_encode()).collect();
    let mut made = block(&chain, &busy);
    while chain.shadow(PROBE).unwrap().blocks_skipped == 0 && made < 400 {
        made = block(&chain, &[]);
    }
    made = block(&chain, &[get("k")]);
    let status = wait(&chain, |status| status.report.blocks + status.blocks_skipped == made);
    assert!(status.report.agrees(), "{status:?}");
}

#[test]
fn what_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    let start = |candidate: &Candidate| chain.start_shadow(candidate, ShadowOptions::recommended()).unwrap_err();
    let elsewhere = Candidate { mount: Address::repeat_byte(9), ..candidate("probe-v1") };
    assert!(matches!(start(&elsewhere), ShadowError::NotMounted(_)));
    let unknown = Candidate { code: CandidateCode::Staged(component("probe-v2").digest()), ..candidate("probe-v1") };
    assert!(matches!(start(&unknown), ShadowError::NotStaged(_)));
    let noise = CandidateCode::Given(Component::new(b"\0asm".to_vec()).unwrap());
    assert!(matches!(start(&Candidate { code: noise, ..candidate("probe-v1") }), ShadowError::Rejected { .. }));
    let denied = Candidate { grants: Some(Grants::NONE), ..candidate("probe-v1") };
    assert!(matches!(start(&denied), ShadowError::Rejected { .. }));
    chain.start_shadow(&candidate("probe-v1"), ShadowOptions::recommended()).unwrap();
    assert!(matches!(start(&candidate("probe-odd")), ShadowError::Running { .. }));
    chain.stop_shadows();
    assert!(chain.stop_shadow(PROBE).is_none());
    let head = block(&chain, &[]);
    drop(chain);
    let state = ChainState::open(dir.path(), StateOptions::recommended()).unwrap();
    for (first, last) in [(0, 1), (2, 1), (1, head + 1)] {
        let range = Replay { first, last, limits: ShadowLimits::recommended() };
        let refused = replay(&state, &engines(), &candidate("probe-v1"), range, &mut |_| {}).unwrap_err();
        assert!(matches!(refused, ShadowError::NoSuchBlocks { .. }), "{refused}");
    }
}
