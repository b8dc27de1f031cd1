//! Writing a chain's blocks for other clients, in the file that `geth export` writes and `geth import` reads.
//!
//! What leaves is what other clients take: the history that one of them made, and of our own blocks those that Ethereum's rules
//! give too. To know that, ours are executed once more under those rules, on a fresh folder.

use std::{
    io::{self, Write},
    path::Path,
};

use alloy_consensus::constants::EMPTY_ROOT_HASH;
use caldera_engine::Engines;
use caldera_execution::{EthereumError, EthereumGenesis, GenesisError, execute_genesis};
use caldera_state::{BlockLog, ChainState, StateError, StateOptions};
use caldera_types::{Block, SealedBlock};

use crate::{
    error::ChainError,
    history::{self, Work},
    replay,
    spec::ChainSpec,
};

/// Why blocks are not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log, or executing on its blocks.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The system does not take what is written.
    #[error("writing block {number}: {source}")]
    Write {
        /// The block.
        number: u64,
        /// Why not.
        source: io::Error,
    },
    /// The chain's block 0 is nothing that other clients could begin with.
    #[error("no other client can begin this chain: {0}")]
    Genesis(#[from] GenesisError),
    /// The log is of another chain than the configuration.
    #[error(
        "the log begins with another block 0 than the configuration gives: it is of another chain, or its genesis has what no genesis file can say"
    )]
    OtherGenesis,
    /// A block of ours is not what Ethereum's rules give.
    #[error("other clients refuse block {number}: {why}")]
    Unverifiable {
        /// The block.
        number: u64,
        /// What they would say.
        why: String,
    },
    /// The chain is not that long.
    #[error("the chain has no block {asked}: its last is {head}")]
    Short {
        /// The last block that was asked for.
        asked: u64,
        /// The last that is there.
        head: u64,
    },
}

/// Which blocks are written.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExportOptions {
    /// The last; none means all, or in a chain that was brought in the last that another client made.
    pub to: Option<u64>,
    /// Whether blocks of ours are written without a look at what other clients say.
    pub unverified: bool,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Height of the last block.
    pub last: u64,
    /// How many blocks, block 0 included.
    pub blocks: u64,
    /// Their transactions.
    pub transactions: u64,
    /// How many of them are ours and were executed under Ethereum's rules.
    pub verified: u64,
    /// How many of them are ours and were not.
    pub unverified: u64,
    /// Whether the log has blocks after the last.
    pub more: bool,
}

/// The genesis with which other clients begin the chain.
pub fn ethereum_genesis(spec: &ChainSpec, engines: &Engines) -> Result<EthereumGenesis, ExportError> {
    if let Some(imported) = &spec.genesis.imported {
        return Ok(imported.as_ref().clone());
    }
    let (header, state) = own_genesis(spec, engines)?;
    Ok(EthereumGenesis::of_ours(spec.chain_id(), &header, &state)?)
}

fn own_genesis(
    spec: &ChainSpec,
    engines: &Engines,
) -> Result<(alloy_consensus::Header, caldera_state::StateDiff), ChainError> {
    let failed = |error| ChainError::Execution { number: 0, error };
    let outcome = execute_genesis(engines, &spec.genesis).map_err(failed)?;
    // The root is not part of a genesis file.
    let env = &spec.genesis.env;
    let header = caldera_execution::seal(env, Default::default(), &outcome, EMPTY_ROOT_HASH);
    Ok((header, outcome.diff))
}

/// Writes the blocks of the log at `log` to `out`. `scratch` is an empty folder, in which blocks of ours are executed again.
pub fn export(
    spec: &ChainSpec,
    log: &Path,
    scratch: &Path,
    engines: &Engines,
    options: ExportOptions,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(&Exported),
) -> Result<Exported, ExportError> {
    let genesis = ethereum_genesis(spec, engines)?;
    let imported = spec.genesis.imported.is_some();
    let mut check = match imported || options.unverified {
        true => None,
        false => Some(Check::begin(spec, genesis, scratch, engines)?),
    };
    let mut done = Exported::default();
    for block in BlockLog::read(log).map_err(read)? {
        let block = block.map_err(read)?;
        let (number, is_theirs) = (block.header.number, block.ethereum.is_some());
        // A chain that was brought in ends, for other clients, where it was handed over.
        let is_last = options.to.is_none() && imported && !is_theirs;
        if is_last || options.to.is_some_and(|to| number > to) {
            done.more = true;
            break;
        }
        let transactions = block.transactions.len() as u64;
        let exchanged = exchanged(block, &mut check, options.unverified)?;
        out.write_all(&exchanged).map_err(|source| ExportError::Write { number, source })?;
        done.last = number;
        done.blocks += 1;
        done.transactions += transactions;
        done.verified += u64::from(!is_theirs && check.is_some());
        done.unverified += u64::from(!is_theirs && check.is_none());
        progress(&done);
    }
    let number = done.last;
    out.flush().map_err(|source| ExportError::Write { number, source })?;
    match options.to {
        Some(asked) if asked > done.last => Err(ExportError::Short { asked, head: done.last }),
        _ => Ok(done),
    }
}

fn read(error: caldera_state::LogError) -> ExportError {
    ChainError::from(StateError::from(error)).into()
}

/// The bytes of a block, if other clients take it or nobody asks.
fn exchanged(block: SealedBlock, check: &mut Option<Check<'_>>, unverified: bool) -> Result<Vec<u8>, ExportError> {
    let number = block.header.number;
    let unverifiable = |why: &str| ExportError::Unverifiable { number, why: why.to_owned() };
    let bytes = alloy_rlp::encode(block.to_ethereum());
    let Some(check) = check else {
        return if block.ethereum.is_some() || unverified {
            Ok(bytes)
        } else {
            Err(unverifiable("it is of this node's own, made after the chain was handed over to it"))
        };
    };
    if !block.sidecar.is_empty() {
        return Err(unverifiable("it brings components of engines"));
    }
    check.take(block)?;
    Ok(bytes)
}

/// A chain of ours, executed as another client would.
struct Check<'a> {
    spec: ChainSpec,
    state: ChainState,
    engines: &'a Engines,
    work: Work,
}

impl<'a> Check<'a> {
    fn begin(
        spec: &ChainSpec,
        genesis: EthereumGenesis,
        scratch: &Path,
        engines: &'a Engines,
    ) -> Result<Self, ExportError> {
        genesis.check()?;
        let mut spec = spec.clone();
        spec.genesis.imported = Some(genesis.into());
        let state = ChainState::open(scratch, StateOptions::recommended()).map_err(ChainError::from)?;
        replay::catch_up(&spec, &state, engines, &mut |_| {})?;
        Ok(Self { spec, state, engines, work: Work::default() })
    }

    fn take(&mut self, block: SealedBlock) -> Result<(), ExportError> {
        let number = block.header.number;
        if number == 0 {
            let made = self.state.block(0).map_err(ChainError::from)?;
            return match made.is_some_and(|made| made.hash() == block.hash()) {
                true => Ok(()),
                false => Err(ExportError::OtherGenesis),
            };
        }
        let block = Block::of_ethereum(block.to_ethereum()).seal();
        history::apply(&self.spec, &self.state, self.engines, block, &mut self.work).map_err(|error| match error {
            // What other clients refuse; what else fails is this node's.
            ChainError::Ethereum(why) if !matches!(why, EthereumError::Node { .. }) => {
                ExportError::Unverifiable { number, why: why.to_string() }
            }
            error => error.into(),
        })
    }
}
