//! A chain that another client made, brought in: every fork from Frontier to Osaka, as ethereumjs executed it.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{path::Path, sync::Arc, time::Duration};

use alloy_consensus::{Eip658Value, Typed2718};
use alloy_eips::{eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use caldera_chain::{
    BlockFile, Chain, ChainError, ChainSpec, ExportError, ExportOptions, Exported, ImportError, Imported, PoolOptions,
    TraceAllowance, ethereum_genesis, export, import, replay,
};
use caldera_execution::{EthereumGenesis, Genesis, StateEdit, registry, trace::TraceOptions};
use caldera_state::{StateOptions, StateView, export_snapshot, import_snapshot};
use caldera_testkit::{account, component, deployer, engines, genesis, sign, sign_for};
use caldera_types::{Block, BlockEnv, Component, EngineLimits, Grants, SealedBlock};

const GENESIS: &[u8] = include_bytes!("fixtures/ethereum/genesis.json");
const CHAIN: &[u8] = include_bytes!("fixtures/ethereum/chain.rlp");
const LAST: u64 = 41;
/// First block of Byzantium, and the last with proof of work.
const BYZANTIUM: u64 = 12;
const LAST_WORK: u64 = 26;
/// Time for building a block, or for tracing one.
const TIME: Duration = Duration::from_secs(10);

fn spec_with(governor: Address) -> ChainSpec {
    let imported = EthereumGenesis::parse(GENESIS).unwrap();
    spec_of(imported, governor)
}

fn spec_of(imported: EthereumGenesis, governor: Address) -> ChainSpec {
    let env = BlockEnv { chain_id: imported.chain_id(), ..genesis(&[]).env };
    let imported = Some(Arc::new(imported));
    ChainSpec {
        name: "moved".into(),
        genesis: Genesis { env, governor, accounts: Default::default(), mounts: vec![], imported, development: false },
        block_interval: Duration::from_millis(20),
        pool: PoolOptions::recommended(),
    }
}

fn spec() -> ChainSpec {
    spec_with(account(0).address())
}

fn blocks() -> Vec<SealedBlock> {
    BlockFile::new(CHAIN).map(Result::unwrap).collect()
}

fn bring_in(dir: &Path, blocks: impl IntoIterator<Item = SealedBlock>) -> Result<Imported, ImportError> {
    let (options, engines) = (StateOptions::recommended(), engines());
    import(&spec(), dir, options, &engines, blocks.into_iter().map(Ok), &mut |_| {})
}

fn open(dir: &Path, spec: ChainSpec) -> Result<Arc<Chain>, ChainError> {
    Chain::open(spec, dir, StateOptions::recommended(), engines(), &mut |_| {})
}

fn export_to(spec: &ChainSpec, dir: &Path, options: ExportOptions) -> Result<(Exported, Vec<u8>), ExportError> {
    let (scratch, mut out) = (tempfile::tempdir().unwrap(), Vec::new());
    let done = export(spec, dir, scratch.path(), &engines(), options, &mut out, &mut |_| {})?;
    Ok((done, out))
}

#[test]
fn every_fork_is_executed_as_another_client_did() {
    let dir = tempfile::tempdir().unwrap();
    let imported = bring_in(dir.path(), blocks()).unwrap();
    assert_eq!((imported.done.head, imported.done.blocks, imported.done.known), (LAST, LAST, 1));
    let all = blocks();
    assert_eq!(imported.state_root, all[LAST as usize].header.state_root);
    // A second time there is nothing to do.
    assert_eq!(bring_in(dir.path(), all.clone()).unwrap().done.known, LAST + 1);

    let chain = open(dir.path(), spec()).unwrap();
    let mut types = std::collections::BTreeSet::new();
    for block in &all {
        let number = block.header.number;
        let known = chain.block(number).unwrap().unwrap();
        assert_eq!(&known.block, block);
        for (tx, receipt) in block.transactions.iter().zip(&known.receipts) {
            types.insert(tx.ty());
            let status = receipt.consensus.as_receipt().unwrap().status;
            assert_eq!(matches!(status, Eip658Value::PostState(_)), number < BYZANTIUM, "block {number}");
        }
    }
    assert_eq!(types.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert!(all.iter().any(|block| block.ethereum.as_ref().unwrap().ommers.len() == 2));
    assert!(all[LAST_WORK as usize + 1].header.difficulty.is_zero());
    // What went out is, byte for byte, what came in.
    let (exported, bytes) = export_to(&spec(), dir.path(), ExportOptions::default()).unwrap();
    assert!(bytes == CHAIN, "the exported file differs");
    assert_eq!((exported.last, exported.blocks, exported.verified, exported.more), (LAST, LAST + 1, 0, false));
}

#[test]
fn traces_run_under_the_rules_of_their_block() {
    let dir = tempfile::tempdir().unwrap();
    bring_in(dir.path(), blocks()).unwrap();
    let chain = open(dir.path(), spec()).unwrap();
    let allowance = TraceAllowance { steps: 1_000_000, bytes: 1 << 28, time: TIME };
    for number in 1..=LAST {
        let traces = chain.trace_block(number, None, &TraceOptions::default(), allowance).unwrap();
        let block = chain.block(number).unwrap().unwrap();
        for ((hash, trace), receipt) in traces.iter().zip(&block.receipts) {
            let gas = trace.geth.clone().try_into_default_frame().unwrap().gas;
            assert_eq!(gas, receipt.gas_used, "block {number}, transaction {hash}");
        }
        assert_eq!(traces.len(), block.receipts.len());
    }
}

/// Imports blocks that `change` made wrong from `at` on, and expects the error; then the right ones.
#[track_caller]
fn check_refused(at: u64, change: impl FnOnce(&mut Vec<SealedBlock>), said: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut wrong = blocks();
    change(&mut wrong);
    let error = bring_in(dir.path(), wrong).unwrap_err().to_string();
    assert!(error.contains(said), "block {at}: {error}");
    let again = bring_in(dir.path(), blocks()).unwrap();
    assert_eq!((again.done.known, again.done.head), (at.max(1), LAST), "what came before stays, what follows goes on");
}

/// Changes a block and seals it anew, and with it nothing above.
fn change(at: u64, change: impl Fn(&mut Block)) -> impl FnOnce(&mut Vec<SealedBlock>) {
    move |blocks| {
        let mut block = (*blocks[at as usize]).clone();
        change(&mut block);
        blocks[at as usize] = block.seal();
    }
}

#[test]
fn a_wrong_block_is_refused_by_name_and_the_ones_before_it_stay() {
    let one = U256::from(1);
    check_refused(0, change(0, |block| block.header.gas_limit += 1), "they are of different chains");
    check_refused(
        5,
        |blocks| drop(blocks.remove(5)),
        "block 6 of the file comes where block 5 must: the file is out of order",
    );
    let root = |block: &mut Block| block.header.state_root = B256::repeat_byte(1);
    let known = blocks()[9].header.state_root.to_string();
    let said = format!("block 9: state root is {}, but must be {known}", B256::repeat_byte(1));
    check_refused(9, change(9, root), &said);
    check_refused(9, change(9, |block| block.header.parent_hash = B256::ZERO), "block 9: parent hash");
    check_refused(9, change(9, |block| block.header.receipts_root = B256::ZERO), "block 9: receipts root");
    check_refused(9, change(9, |block| block.header.gas_used -= 1), "block 9: gas used");
    check_refused(9, change(9, |block| block.header.difficulty += one), "block 9: difficulty");
    check_refused(17, change(17, |block| block.header.beneficiary = Address::ZERO), "block 17: state root");
    check_refused(9, change(9, |block| drop(block.transactions.pop())), "block 9: transactions root");
    check_refused(14, change(14, |block| drop(block.ethereum.as_mut().unwrap().ommers.pop())), "block 14: ommers hash");
    let miner = |block: &mut Block| {
        let ommers = &mut block.ethereum.as_mut().unwrap().ommers;
        ommers[0].beneficiary = Address::ZERO;
        block.header.ommers_hash = alloy_consensus::proofs::calculate_ommers_root(ommers);
    };
    check_refused(14, change(14, miner), "block 14: state root");
    check_refused(25, change(25, |block| block.header.base_fee_per_gas = Some(7)), "block 25: base fee");
    check_refused(28, change(28, |block| block.header.difficulty = one), "block 28: difficulty");
    let unpaid = |block: &mut Block| {
        let body = block.ethereum.as_mut().unwrap();
        body.withdrawals = Some(Default::default());
    };
    check_refused(31, change(31, unpaid), "block 31: withdrawals root");
    check_refused(34, change(34, |block| block.header.excess_blob_gas = Some(1)), "block 34: excess blob gas");
    check_refused(
        34,
        change(34, |block| block.header.parent_beacon_block_root = Some(B256::ZERO)),
        "block 34: state root",
    );
    check_refused(37, change(37, |block| block.header.requests_hash = Some(B256::ZERO)), "block 37: requests hash");
    check_refused(
        LAST,
        change(LAST, |block| block.header.timestamp = 1),
        &format!("block {LAST}: timestamp is 1, but must be over its parent's"),
    );
}

#[test]
fn a_transaction_of_another_chain_is_refused() {
    let foreign = |block: &mut Block| {
        let to = TxKind::Call(Address::ZERO);
        block.transactions = vec![sign_for(1, &account(0), 0, to, U256::ZERO, 21_000, Bytes::new())];
        block.header.transactions_root = Block::transactions_root(&block.transactions);
    };
    check_refused(27, change(27, foreign), "block 27: transaction 0 cannot be in it: invalid chain ID");
}

#[test]
fn another_branch_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    bring_in(dir.path(), blocks()).unwrap();
    let mut other = blocks();
    change(40, |block| block.header.extra_data = Bytes::from_static(b"other"))(&mut other);
    let error = bring_in(dir.path(), other).unwrap_err();
    assert!(matches!(error, ImportError::Branch { number: 40, .. }), "{error}");
}

/// Takes a chain over: one block of ours with a transaction on top of what was brought in.
fn take_over(dir: &Path, time: u64) -> Arc<Chain> {
    let chain = open(dir, spec()).unwrap();
    let block = chain.produce_block(time, TIME).unwrap();
    assert_eq!(block.number(), LAST + 1);
    chain
}

#[test]
fn blocks_of_ours_follow_and_the_governor_can_act() {
    let dir = tempfile::tempdir().unwrap();
    bring_in(dir.path(), blocks()).unwrap();
    let theirs = blocks().pop().unwrap();
    let chain = take_over(dir.path(), theirs.header.timestamp + 1);
    let head = chain.head();
    assert_eq!(head.block.header.parent_hash, theirs.hash());
    assert_eq!(chain.registry().unwrap().governor, account(0).address());
    assert!(chain.registry().unwrap().mounts.is_empty());
    // An account of the old chain still has what it had, and history stays as it was.
    let miner = Address::repeat_byte(0xc0);
    let balance = |number| chain.view(number).unwrap().account(miner).unwrap().unwrap().balance;
    assert_eq!(balance(LAST), balance(LAST + 1));
    assert!(balance(1) < balance(LAST));
    drop(chain);

    // It opens again, with the same governor only.
    let again = open(dir.path(), spec()).unwrap();
    assert_eq!(again.head().block.hash(), head.block.hash());
    drop(again);
    let error = open(dir.path(), spec_with(account(1).address())).err().unwrap();
    assert!(matches!(error, ChainError::OtherGovernor { number, .. } if number == LAST + 1), "{error}");

    let mut development = spec();
    development.genesis.development = true;
    let error = open(dir.path(), development).err().unwrap();
    assert!(matches!(error, ChainError::OtherPurpose { expected: true, .. }), "{error}");

    // The whole log gives the same chain on a fresh folder.
    let fresh = tempfile::tempdir().unwrap();
    let (options, engines) = (StateOptions::recommended(), engines());
    let replayed = replay(spec(), dir.path(), fresh.path(), options, engines, &mut |_| {}).unwrap();
    assert_eq!(replayed.head().block.hash(), head.block.hash());
    drop(replayed);

    // Other clients get what they can execute; the rest only on demand.
    let (exported, bytes) = export_to(&spec(), dir.path(), ExportOptions::default()).unwrap();
    assert!(bytes == CHAIN && exported.more, "{exported:?}");
    let all = ExportOptions { to: Some(LAST + 1), unverified: false };
    let error = export_to(&spec(), dir.path(), all).unwrap_err().to_string();
    assert_eq!(
        error,
        "other clients refuse block 42: it is of this node's own, made after the chain was handed over to it"
    );
    let all = ExportOptions { unverified: true, ..all };
    assert_eq!(export_to(&spec(), dir.path(), all).unwrap().0.unverified, 1);

    // Theirs cannot follow on ours.
    let mut more = blocks();
    let mut block = (*more[LAST as usize]).clone();
    block.header.number = LAST + 2;
    more.push(block.seal());
    let error = bring_in(dir.path(), more).unwrap_err().to_string();
    assert!(error.contains("the chain was handed over"), "{error}");
}

/// A chain of ours that other clients can execute: the contracts that Prague asks for stand in it from block 0.
fn own(mounts: &[&str]) -> ChainSpec {
    let mut genesis = genesis(mounts);
    let theirs = EthereumGenesis::parse(GENESIS).unwrap().accounts();
    let asked = [WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS];
    genesis.accounts.extend(theirs.into_iter().filter(|(address, _)| asked.contains(address)));
    let (block_interval, pool) = (Duration::from_millis(20), PoolOptions::recommended());
    ChainSpec { name: "own".into(), genesis, block_interval, pool }
}

/// Some blocks, a second apart, each with a transfer and a contract made.
fn business(chain: &Chain, blocks: u64) {
    for nonce in 0..blocks {
        let to = TxKind::Call(Address::repeat_byte(0x77));
        chain.submit(sign(&account(1), nonce, to, U256::from(7), 21_000, Bytes::new()), Vec::new()).unwrap();
        let code = deployer(&[0x60, 0x01, 0x5c, 0x60, 0x00, 0x55]).into();
        chain.submit(sign(&account(2), nonce, TxKind::Create, U256::ZERO, 200_000, code), Vec::new()).unwrap();
        let block = chain.produce_block(1_700_000_001 + nonce, TIME).unwrap();
        assert!(block.receipts.len() >= 2 && block.receipts.iter().all(caldera_types::TxReceipt::succeeded));
    }
}

#[test]
fn a_chain_of_ours_goes_out_and_comes_in_again() {
    let (dir, moved) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let chain = open(dir.path(), own(&[])).unwrap();
    business(&chain, 5);
    let head = chain.head();
    // The log may be read while its chain runs.
    let (exported, bytes) = export_to(&own(&[]), dir.path(), ExportOptions::default()).unwrap();
    assert_eq!((exported.blocks, exported.verified, exported.unverified, exported.more), (6, 6, 0, false));
    assert!(exported.transactions >= 10);

    let json = ethereum_genesis(&own(&[]), &engines()).unwrap().to_json().unwrap();
    let spec = spec_of(EthereumGenesis::parse(json.as_bytes()).unwrap(), account(0).address());
    let blocks = BlockFile::new(bytes.as_slice());
    let imported = import(&spec, moved.path(), StateOptions::recommended(), &engines(), blocks, &mut |_| {}).unwrap();
    assert_eq!((imported.hash, imported.state_root), (head.block.hash(), head.block.header.state_root));
    let (_, again) = export_to(&spec, moved.path(), ExportOptions::default()).unwrap();
    assert!(again == bytes, "the second export differs");
    // It goes on where it came to, with the registry that it brought along.
    let chain = open(moved.path(), spec).unwrap();
    assert_eq!(chain.produce_block(1_700_000_100, TIME).unwrap().number(), head.number() + 1);
    assert_eq!(chain.registry().unwrap().governor, account(0).address());
}

#[track_caller]
fn check_unverifiable(spec: &ChainSpec, act: impl FnOnce(&Chain), said: &str) {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path(), spec.clone()).unwrap();
    act(&chain);
    let error = export_to(spec, dir.path(), ExportOptions::default()).unwrap_err().to_string();
    assert!(error.contains(said), "{error}");
    let unverified = ExportOptions { unverified: true, ..Default::default() };
    let (exported, bytes) = export_to(spec, dir.path(), unverified).unwrap();
    assert_eq!((exported.unverified, exported.last), (exported.blocks, chain.head().number()));
    assert_eq!(BlockFile::new(bytes.as_slice()).map(Result::unwrap).count() as u64, exported.blocks);
}

#[test]
fn what_other_clients_would_refuse_is_named() {
    let plain = own(&[]);
    let same_second = |chain: &Chain| {
        business(chain, 2);
        chain.produce_block(1_700_000_002, TIME).unwrap();
    };
    check_unverifiable(&plain, same_second, "other clients refuse block 3: block 3: timestamp is 1700000002");
    let registry_called = |chain: &Chain| {
        let call = registry::abi::IEngineRegistry::governorCall {}.abi_encode().into();
        let to = TxKind::Call(registry::ADDRESS);
        chain.submit(sign(&account(1), 0, to, U256::ZERO, 100_000, call), Vec::new()).unwrap();
        chain.produce_block(1_700_000_001, TIME).unwrap();
    };
    check_unverifiable(&plain, registry_called, "other clients refuse block 1: block 1: gas used");
    let stage = |chain: &Chain| {
        let component: Component = component("probe-v1");
        let call = registry::abi::IEngineRegistry::stageCall {
            digest: component.digest().0,
            size: u32::try_from(component.bytes().len()).unwrap(),
            grants: Grants::ALL.bits(),
            limits: EngineLimits::recommended().into(),
        };
        let to = TxKind::Call(registry::ADDRESS);
        let tx = sign(&account(0), 0, to, U256::ZERO, 10_000_000, call.abi_encode().into());
        chain.submit(tx, vec![component]).unwrap();
        chain.produce_block(1_700_000_001, TIME).unwrap();
    };
    check_unverifiable(&plain, stage, "other clients refuse block 1: it brings components of engines");
    let mut development = plain.clone();
    development.genesis.development = true;
    let edit = |chain: &Chain| {
        let edit = StateEdit::Balance { address: Address::repeat_byte(0x55), balance: U256::from(5) };
        chain.edit(&edit).unwrap();
    };
    check_unverifiable(&development, edit, "other clients refuse block 1: ");
    let mounted = own(&["probe-v1"]);
    check_unverifiable(&mounted, |chain| business(chain, 1), "with engines mounted");
    let bare = ChainSpec { genesis: genesis(&[]), ..plain };
    check_unverifiable(&bare, |chain| business(chain, 1), "has no code, which Prague asks for");
}

#[test]
fn a_development_chain_that_moved_can_be_edited_from_its_first_block_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    bring_in(dir.path(), blocks()).unwrap();
    let mut spec = spec();
    spec.genesis.development = true;
    let chain = open(dir.path(), spec.clone()).unwrap();
    let (address, balance) = (Address::repeat_byte(0x55), U256::from(5));
    let block = chain.edit(&StateEdit::Balance { address, balance }).unwrap();
    assert_eq!(block.number(), LAST + 1);
    assert_eq!(chain.view(LAST + 1).unwrap().account(address).unwrap().unwrap().balance, balance);
    drop(chain);
    let fresh = tempfile::tempdir().unwrap();
    let (options, engines) = (StateOptions::recommended(), engines());
    let replayed = replay(spec, dir.path(), fresh.path(), options, engines, &mut |_| {}).unwrap();
    assert_eq!(replayed.head().block.hash(), block.block.hash());
}

#[test]
fn a_snapshot_of_a_chain_that_moved_goes_on_too() {
    let dir = tempfile::tempdir().unwrap();
    bring_in(dir.path(), blocks()).unwrap();
    let options = StateOptions::recommended();
    for height in [LAST, LAST + 1, LAST + 2] {
        if height > LAST {
            open(dir.path(), spec()).unwrap().produce_block(0, TIME).unwrap();
        }
        let (file, fresh) = (dir.path().join(format!("{height}.snapshot")), dir.path().join(height.to_string()));
        export_snapshot(dir.path(), options, Some(height), &file, &mut |_| {}).unwrap();
        import_snapshot(&file, &fresh, options, None, &mut |_| {}).unwrap();
        let chain = open(&fresh, spec()).unwrap();
        assert_eq!(chain.produce_block(0, TIME).unwrap().number(), height + 1);
        assert_eq!(chain.registry().unwrap().governor, account(0).address());
        drop(chain);
        assert_eq!(open(&fresh, spec()).unwrap().head().number(), height + 1);
    }
}

#[test]
fn no_more_is_exported_than_there_is() {
    let dir = tempfile::tempdir().unwrap();
    bring_in(dir.path(), blocks()).unwrap();
    let to = |to| ExportOptions { to: Some(to), unverified: false };
    let (exported, bytes) = export_to(&spec(), dir.path(), to(9)).unwrap();
    assert!(exported.last == 9 && exported.more && CHAIN.starts_with(&bytes));
    let error = export_to(&spec(), dir.path(), to(LAST + 1)).unwrap_err().to_string();
    assert_eq!(error, "the chain has no block 42: its last is 41");
    let other = own(&[]);
    let error = export_to(&other, dir.path(), ExportOptions::default()).unwrap_err().to_string();
    assert!(error.contains("the log begins with another block 0"), "{error}");
}
