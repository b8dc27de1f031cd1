//! A chain on disk: blocks, pool, restart, replay, and what happens when something is wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use alloy_consensus::TxEnvelope;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use caldera_chain::{
    Chain, ChainError, ChainEvent, ChainSpec, FoundTransaction, PoolOptions, Progress, SubmitError, replay,
};
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use caldera_state::{StateOptions, StateView};
use caldera_testkit::{PROBE, account, component, engines, genesis, sign};
use caldera_types::{Component, EngineLimits, Fault, Grants, is_system_transaction};
use probe_engine::IProbe;

const GAS: u64 = 2_000_000;
const TIME: Duration = Duration::from_secs(5);

fn spec(mounts: &[&str]) -> ChainSpec {
    ChainSpec {
        name: "test".into(),
        genesis: genesis(mounts),
        block_interval: Duration::from_millis(20),
        pool: PoolOptions::recommended(),
    }
}

fn open(dir: &Path) -> Arc<Chain> {
    try_open(dir, spec(&["probe-v1"])).unwrap()
}

fn try_open(dir: &Path, spec: ChainSpec) -> Result<Arc<Chain>, ChainError> {
    Chain::open(spec, dir, StateOptions::recommended(), engines(), &mut |_| {})
}

fn set(from: u8, nonce: u64, key: &str) -> TxEnvelope {
    let call = IProbe::setCall { key: key.as_bytes().to_vec().into(), value: Bytes::from_static(b"value") };
    sign(&account(from), nonce, TxKind::Call(PROBE), U256::ZERO, GAS, call.abi_encode().into())
}

fn transfer(from: u8, nonce: u64, wei: u64) -> TxEnvelope {
    sign(&account(from), nonce, TxKind::Call(Address::repeat_byte(0x77)), U256::from(wei), 21_000, Bytes::new())
}

/// Stages version 2 of the probe and arms it `ahead` blocks after the arm transaction's.
fn swap(chain: &Chain, nonce: u64, ahead: u64) {
    let next: Component = component("probe-v2");
    let stage = abi::stageCall {
        digest: next.digest().0,
        size: u32::try_from(next.bytes().len()).unwrap(),
        grants: Grants::ALL.bits(),
        limits: EngineLimits::recommended().into(),
    };
    let call = |nonce, gas, input: Vec<u8>| {
        sign(&account(0), nonce, TxKind::Call(registry::ADDRESS), U256::ZERO, gas, input.into())
    };
    chain.submit(call(nonce, 10_000_000, stage.abi_encode()), vec![next.clone()]).unwrap();
    let height = chain.head().number() + 1 + ahead;
    let arm = abi::armCall {
        mount: PROBE,
        digest: next.digest().0,
        height,
        config: Bytes::new(),
        probation: caldera_types::ProbationRule::NONE.into(),
    };
    chain.submit(call(nonce + 1, GAS, arm.abi_encode()), Vec::new()).unwrap();
    let block = chain.produce_block(0, TIME).unwrap();
    assert!(block.receipts.iter().all(caldera_types::TxReceipt::succeeded), "{:?}", block.receipts);
    assert_eq!(block.block.sidecar.len(), 1);
}

/// The chain's own turn may be slower than the interval; a block takes a transaction all the same.
#[test]
fn a_slow_turn_keeps_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let chain = try_open(dir.path(), spec(&["probe-v2"])).unwrap();
    for nonce in 0..3 {
        chain.submit(transfer(2, nonce, 1), Vec::new()).unwrap();
    }
    let mut taken = 0;
    for _ in 0..3 {
        let block = chain.produce_block(0, Duration::ZERO).unwrap();
        let own = block.block.transactions.iter().filter(|tx| is_system_transaction(tx)).count();
        assert!(block.receipts.len() > own, "block {} takes nothing", block.number());
        taken += block.receipts.len() - own;
        if taken == 3 {
            break;
        }
    }
    assert_eq!(taken, 3);
}

/// Blocks with calls, faults, transfers and a swap.
fn busy(chain: &Chain) {
    for round in 0..3 {
        chain.submit(set(1, round, &format!("key {round}")), Vec::new()).unwrap();
        chain.submit(transfer(2, round, round), Vec::new()).unwrap();
        let trap = IProbe::trapCall {}.abi_encode().into();
        chain.submit(sign(&account(3), round, TxKind::Call(PROBE), U256::ZERO, GAS, trap), Vec::new()).unwrap();
        assert_eq!(chain.produce_block(1_700_000_000 + round, TIME).unwrap().receipts.len(), 3);
    }
    swap(chain, 0, 2);
    for _ in 0..4 {
        chain.produce_block(1_700_000_100, TIME).unwrap();
    }
    assert_eq!(chain.registry().unwrap().mounts[0].generation, 2);
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    busy(&chain);
    let head = chain.head();
    drop(chain);
    let chain = open(dir.path());
    assert_eq!(*chain.head(), *head);
    assert_eq!(chain.next_nonce(account(1).address()).unwrap(), 3);
    chain.submit(set(1, 3, "after"), Vec::new()).unwrap();
    assert!(chain.produce_block(1_700_000_200, TIME).unwrap().receipts[1].succeeded());
}

#[test]
fn a_fresh_node_gets_the_same_roots_from_the_blocks_alone() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let chain = open(first.path());
    busy(&chain);
    let head = chain.head();
    let mut replayed = BTreeSet::new();
    let progress = &mut |progress| {
        if let Progress::Replayed(number) = progress {
            replayed.insert(number);
        }
    };
    let options = StateOptions::recommended();
    let copy = replay(spec(&["probe-v1"]), first.path(), second.path(), options, engines(), progress).unwrap();
    assert_eq!(*copy.head(), *head);
    assert_eq!(replayed.len() as u64, head.number());
    let slots: Vec<B256> = Vec::new();
    assert_eq!(
        chain.proof(head.number(), PROBE, &slots).unwrap().storage_root,
        copy.proof(head.number(), PROBE, &slots).unwrap().storage_root
    );
}

#[test]
fn another_genesis_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let mut other = spec(&["probe-v1"]);
    other.genesis.governor = Address::repeat_byte(9);
    assert!(matches!(try_open(dir.path(), other), Err(ChainError::OtherGenesis { .. })));
}

#[test]
fn two_processes_on_one_folder_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _open = open(dir.path());
    let refused = try_open(dir.path(), spec(&["probe-v1"])).map(|_| ()).unwrap_err();
    assert!(matches!(refused, ChainError::State(_)), "{refused}");
}

#[test]
fn old_states_stay_readable() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    let to = Address::repeat_byte(0x77);
    for nonce in 0..5 {
        chain.submit(transfer(2, nonce, 1), Vec::new()).unwrap();
        chain.produce_block(1_700_000_000, TIME).unwrap();
    }
    for number in 0..=5 {
        let balance = chain.view(number).unwrap().account(to).unwrap().map_or(U256::ZERO, |account| account.balance);
        assert_eq!(balance, U256::from(number));
    }
    assert!(matches!(chain.view(6), Err(ChainError::UnknownBlock(6))));
}

#[test]
fn every_transaction_is_found_once() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    let (mut events, mut pending) = (chain.events(), chain.pending());
    let hash = chain.submit(set(1, 0, "k"), Vec::new()).unwrap();
    assert!(matches!(chain.transaction(hash).unwrap(), Some(FoundTransaction::Pending(_))));
    assert_eq!((chain.pool_status().pending, chain.next_nonce(account(1).address()).unwrap()), (1, 1));
    let block = chain.produce_block(1_700_000_000, TIME).unwrap();
    let Some(FoundTransaction::Mined { block: found, index: 0 }) = chain.transaction(hash).unwrap() else { panic!() };
    assert_eq!(*found, *block);
    assert_eq!((chain.pool_status().pending, chain.next_nonce(account(1).address()).unwrap()), (0, 1));
    assert_eq!(pending.try_recv().unwrap().hash, hash);
    assert!(matches!(events.try_recv().unwrap(), ChainEvent::Block(told) if told.number() == block.number()));
    assert!(pending.is_empty() && events.is_empty(), "each is told of its own");
}

/// Transactions come by thousands; who waits for their block is not pushed out by them.
#[test]
fn a_block_is_told_however_many_transactions_come() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    let (mut events, mut pending) = (chain.events(), chain.pending());
    let sent = (0..1_500).map(|nonce| (transfer(1, nonce, 1), Vec::new()));
    assert!(chain.accept_all(sent.collect()).iter().all(Result::is_ok));
    chain.produce_block(1_700_000_000, TIME).unwrap();
    assert!(matches!(events.try_recv().unwrap(), ChainEvent::Block(_)));
    assert!(events.is_empty());
    assert!(matches!(pending.try_recv(), Err(tokio::sync::broadcast::error::TryRecvError::Lagged(_))));
}

#[test]
fn faults_are_kept_with_the_receipt() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    let spin = IProbe::spinCall {}.abi_encode().into();
    chain.submit(sign(&account(1), 0, TxKind::Call(PROBE), U256::ZERO, GAS, spin), Vec::new()).unwrap();
    let number = chain.produce_block(1_700_000_000, TIME).unwrap().number();
    drop(chain);
    let chain = open(dir.path());
    assert_eq!(chain.block(number).unwrap().unwrap().receipts[0].fault, Some(Fault::OutOfFuel));
}

#[test]
fn what_the_pool_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    let submit = |tx: TxEnvelope| chain.submit(tx, Vec::new());
    submit(transfer(1, 0, 1)).unwrap();
    assert!(matches!(submit(transfer(1, 0, 1)), Err(SubmitError::AlreadyKnown)));
    assert!(matches!(submit(transfer(1, 0, 2)), Err(SubmitError::Underpriced { .. })));
    assert!(matches!(submit(transfer(1, 1 << 40, 2)), Err(SubmitError::NonceTooHigh { .. })));
    chain.produce_block(1_700_000_000, TIME).unwrap();
    assert!(matches!(submit(transfer(1, 0, 2)), Err(SubmitError::NonceTooLow { next: 1, tx: 0 })));
    let poor = alloy_signer_local::PrivateKeySigner::from_bytes(&B256::repeat_byte(0x99)).unwrap();
    let tx = sign(&poor, 0, TxKind::Call(PROBE), U256::ZERO, GAS, Bytes::new());
    assert!(matches!(submit(tx), Err(SubmitError::InsufficientFunds { .. })));
    let to = TxKind::Call(PROBE);
    let over = sign(&account(1), 1, to, U256::ZERO, 1 << 25, Bytes::new());
    assert!(matches!(submit(over), Err(SubmitError::GasLimit { .. })));
    let under = sign(&account(1), 1, to, U256::ZERO, 20_000, Bytes::new());
    assert!(matches!(submit(under), Err(SubmitError::IntrinsicGas { .. })));
    let system = caldera_types::system_transaction(chain.chain_id(), 1, GAS, PROBE, Bytes::new());
    assert!(matches!(submit(system), Err(SubmitError::BadSignature)));
}

#[test]
fn a_gap_of_nonces_waits() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    chain.submit(transfer(1, 1, 1), Vec::new()).unwrap();
    assert_eq!((chain.pool_status().pending, chain.pool_status().queued), (0, 1));
    assert!(chain.produce_block(1_700_000_000, TIME).unwrap().receipts.is_empty());
    chain.submit(transfer(1, 0, 1), Vec::new()).unwrap();
    assert_eq!(chain.produce_block(1_700_000_000, TIME).unwrap().receipts.len(), 2);
}

#[test]
fn the_producer_makes_blocks_and_stops() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    let mut events = chain.events();
    let producer = chain.start().unwrap();
    for _ in 0..3 {
        assert!(matches!(events.blocking_recv().unwrap(), ChainEvent::Block(_)));
    }
    producer.stop();
    let head = chain.head().number();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(chain.head().number(), head);
}

/// Pairs of transactions, the second of which may come in just while the block with the first is published. Nothing
/// follows a pair before it is in a block: a later transaction would free one that the pool had stranded.
#[test]
fn a_block_in_between_strands_no_transaction() {
    const PAIRS: u64 = 60;
    const SENDERS: u8 = 32;
    let dir = tempfile::tempdir().unwrap();
    let mut spec = ChainSpec { block_interval: Duration::from_millis(1), ..spec(&[]) };
    let rich = spec.genesis.accounts[&account(0).address()].clone();
    spec.genesis.accounts.extend((0..SENDERS).map(|from| (account(from).address(), rich.clone())));
    let chain = try_open(dir.path(), spec).unwrap();
    let producer = chain.start().unwrap();
    let send = &|from: u8| {
        for pair in 0..PAIRS {
            let (first, second) = (transfer(from, 2 * pair, 1), transfer(from, 2 * pair + 1, 1));
            let pause = Duration::from_micros(u64::from(first.tx_hash()[0]) * 40);
            chain.submit(first, Vec::new()).unwrap();
            std::thread::sleep(pause);
            chain.submit(second, Vec::new()).unwrap();
            wait_for_nonce(&chain, account(from).address(), 2 * pair + 2);
        }
    };
    std::thread::scope(|scope| (0..SENDERS).for_each(|from| drop(scope.spawn(move || send(from)))));
    producer.stop();
}

/// Waits until the newest state has this nonce.
fn wait_for_nonce(chain: &Chain, address: Address, nonce: u64) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let state = || chain.view(chain.head().number()).unwrap().account(address).unwrap().unwrap().nonce;
    while state() != nonce {
        assert!(std::time::Instant::now() < deadline, "a transaction is stranded: {:?}", chain.pool_status());
        std::thread::sleep(Duration::from_millis(1));
    }
}
