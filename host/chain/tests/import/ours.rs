//! How a chain that was brought in goes on.

use std::{path::Path, sync::Arc};

use alloy_primitives::{Address, U256};
use caldera_chain::{Chain, ChainError, ExportOptions, replay};
use caldera_execution::StateEdit;
use caldera_state::{StateOptions, StateView as _, export_snapshot, import_snapshot};
use caldera_testkit::{account, engines};

use crate::{CHAIN, LAST, TIME, blocks, bring_in, export_to, open, spec, spec_with};

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
