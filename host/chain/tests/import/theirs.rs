//! What another client executed comes to the same here.

use alloy_consensus::{Eip658Value, Typed2718};
use caldera_chain::{ExportOptions, TraceAllowance};
use caldera_execution::trace::TraceOptions;

use crate::{BYZANTIUM, CHAIN, LAST, LAST_WORK, TIME, blocks, bring_in, export_to, open, spec};

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
