//! Blocks that another client would not have made.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use caldera_chain::ImportError;
use caldera_testkit::{account, sign_for};
use caldera_types::{Block, SealedBlock};

use crate::{LAST, blocks, bring_in};

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
