//! Bringing in a chain that another client made: each block executed, checked and committed before the next is read.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use caldera_engine::Engines;
use caldera_state::{ChainState, StateOptions};
use caldera_types::SealedBlock;

use crate::{error::ChainError, exchange::BlockFileError, history::Work, replay, spec::ChainSpec};

/// Why no more blocks are taken in. Those before are in the folder, and a later import goes on after them.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The folder, or a block's execution.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The file.
    #[error(transparent)]
    File(#[from] BlockFileError),
    /// The file is of another chain.
    #[error("block 0 of the file is {given}, but the genesis file gives {expected}: they are of different chains")]
    OtherGenesis {
        /// Hash in the file.
        given: B256,
        /// Hash of the block that the genesis file gives.
        expected: B256,
    },
    /// The folder has another block at that height.
    #[error("block {number} of the file is {given}, but the folder has {known} there: the file is of another branch")]
    Branch {
        /// The height.
        number: u64,
        /// Hash in the file.
        given: B256,
        /// Hash in the folder.
        known: B256,
    },
    /// The file leaves out blocks.
    #[error(
        "block {given} of the file comes where block {expected} must: the file is out of order or leaves blocks out"
    )]
    Order {
        /// Height in the file.
        given: u64,
        /// The height that must be next.
        expected: u64,
    },
}

/// How far an import has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Importing {
    /// Height of the last block.
    pub head: u64,
    /// Blocks executed.
    pub blocks: u64,
    /// Blocks that were there already.
    pub known: u64,
    /// Transactions executed.
    pub transactions: u64,
    /// Gas used by them.
    pub gas: u64,
    /// Time since the begin.
    pub took: Duration,
}

/// What an import left.
#[derive(Clone, Copy, Debug)]
pub struct Imported {
    /// What was done.
    pub done: Importing,
    /// Hash of the last block.
    pub hash: B256,
    /// Root of the state after it.
    pub state_root: B256,
}

/// Takes `blocks` into the folder `dir`, whose chain `spec` describes; the folder is made if it is not there.
///
/// Blocks that the folder has are passed over. `progress` hears once that the folder is locked and of this chain, before the
/// first block, and then after each. After an error all blocks before the one it names are in the folder.
pub fn import(
    spec: &ChainSpec,
    dir: &Path,
    options: StateOptions,
    engines: &Engines,
    blocks: impl Iterator<Item = Result<SealedBlock, BlockFileError>>,
    progress: &mut dyn FnMut(&Importing),
) -> Result<Imported, ImportError> {
    let state = ChainState::open(dir, options).map_err(ChainError::from)?;
    replay::catch_up(spec, &state, engines, &mut |_| {})?;
    let (mut done, mut work, began) = (Importing::default(), Work::default(), Instant::now());
    done.head = head(&state)?.number;
    progress(&done);
    for block in blocks {
        let block = block?;
        let (transactions, gas) = (block.transactions.len() as u64, block.header.gas_used);
        if is_known(&state, &block)? {
            done.known += 1;
        } else {
            replay::apply(spec, &state, engines, block, &mut work)?;
            done.blocks += 1;
            done.transactions += transactions;
            done.gas += gas;
        }
        done.head = head(&state)?.number;
        done.took = began.elapsed();
        progress(&done);
    }
    state.flush().map_err(ChainError::from)?;
    let head = head(&state)?;
    (done.head, done.took) = (head.number, began.elapsed());
    Ok(Imported { done, hash: head.hash, state_root: head.state_root })
}

fn head(state: &ChainState) -> Result<caldera_state::HeadRecord, ChainError> {
    state.head().ok_or(ChainError::UnknownBlock(0))
}

/// Whether the folder has this block. If not, it is the next.
fn is_known(state: &ChainState, block: &SealedBlock) -> Result<bool, ImportError> {
    let (number, given) = (block.header.number, block.hash());
    let Some((known, _)) = state.header(number).map_err(ChainError::from)? else {
        let expected = head(state)?.number + 1;
        return if number == expected { Ok(false) } else { Err(ImportError::Order { given: number, expected }) };
    };
    match (known == given, number) {
        (true, _) => Ok(true),
        (false, 0) => Err(ImportError::OtherGenesis { given, expected: known }),
        (false, _) => Err(ImportError::Branch { number, given, known }),
    }
}
