//! A chain that another client made, brought in: every fork from Frontier to Osaka, as ethereumjs executed it.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{path::Path, sync::Arc, time::Duration};

use alloy_consensus::{Eip658Value, Transaction, Typed2718};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use caldera_chain::{BlockFile, Chain, ChainError, ChainSpec, ImportError, Imported, PoolOptions, import, replay};
use caldera_execution::{EthereumGenesis, Genesis, registry};
use caldera_state::{BlockLog, StateOptions, StateView};
use caldera_testkit::{account, engines, genesis, sign_for};
use caldera_types::{Block, BlockEnv, SealedBlock};

const GENESIS: &[u8] = include_bytes!("fixtures/ethereum/genesis.json");
const CHAIN: &[u8] = include_bytes!("fixtures/ethereum/chain.rlp");
const LAST: u64 = 41;
/// First block of Byzantium, and the last with proof of work.
const BYZANTIUM: u64 = 12;
const LAST_WORK: u64 = 26;

fn spec_with(governor: Address) -> ChainSpec {
    let imported = EthereumGenesis::parse(GENESIS).unwrap();
    let env = BlockEnv { chain_id: imported.chain_id(), ..genesis(&[]).env };
    ChainSpec {
        name: "moved".into(),
        genesis: Genesis { env, governor, accounts: Default::default(), mounts: vec![], imported: Some(Arc::new(imported)) },
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
}
