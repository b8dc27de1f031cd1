//! What goes out to other clients.

use std::time::Duration;

use alloy_eips::{eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use caldera_chain::{BlockFile, Chain, ChainSpec, ExportOptions, PoolOptions, ethereum_genesis, import};
use caldera_execution::{EthereumGenesis, StateEdit, registry};
use caldera_state::StateOptions;
use caldera_testkit::{account, component, deployer, engines, genesis, sign};
use caldera_types::{Component, EngineLimits, Grants};

use crate::{CHAIN, GENESIS, LAST, TIME, blocks, bring_in, export_to, open, spec, spec_of};

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
