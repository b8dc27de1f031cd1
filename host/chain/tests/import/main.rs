//! A chain that another client made, brought in: every fork from Frontier to Osaka, as ethereumjs executed it.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod ours;
mod out;
mod refused;
mod theirs;

use std::{path::Path, sync::Arc, time::Duration};

use alloy_primitives::Address;
use caldera_chain::{
    BlockFile, Chain, ChainError, ChainSpec, ExportError, ExportOptions, Exported, ImportError, Imported, PoolOptions,
    export, import,
};
use caldera_execution::{EthereumGenesis, Genesis};
use caldera_state::StateOptions;
use caldera_testkit::{account, engines, genesis};
use caldera_types::{BlockEnv, SealedBlock};

const GENESIS: &[u8] = include_bytes!("../fixtures/ethereum/genesis.json");
const CHAIN: &[u8] = include_bytes!("../fixtures/ethereum/chain.rlp");
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
