//! A block with its witness: what somebody without a database needs to execute it again.

use caldera_engine::Purpose;
use caldera_execution::{RecordError, Recording, record};
use caldera_state::{StateError, Witness};
use caldera_types::SealedBlock;

use crate::{chain::Chain, error::ChainError, source::LoggedComponents};

/// A block and all that it needs but components, which are named.
#[derive(Clone, Debug)]
pub struct WitnessedBlock {
    /// The block.
    pub block: SealedBlock,
    /// What it reads.
    pub witness: Witness,
}

impl Chain {
    /// Executes a block again, on a record of its parent's state. Takes about as long as the block took; the block's path is
    /// not touched.
    pub fn witness(&self, number: u64) -> Result<WitnessedBlock, ChainError> {
        let none = |why| ChainError::NoWitness { number, why };
        let parent_number =
            number.checked_sub(1).ok_or_else(|| none("it is the genesis, which follows from nothing"))?;
        let executed = self.block(number)?.ok_or(ChainError::UnknownBlock(number))?;
        let parent = self.block(parent_number)?.ok_or(ChainError::UnknownBlock(parent_number))?;
        if executed.block.ethereum.is_some() || parent.block.ethereum.is_some() {
            return Err(none("another client made it or the block before it"));
        }
        let recording = Recording {
            // Not a block's path: the metrics count it with the questions.
            engines: &self.engines.for_purpose(Purpose::Simulation),
            components: &LoggedComponents(&self.state),
            env: self.env_after(&parent, executed.block.header.timestamp),
            block: &executed.block,
            senders: executed.senders(),
        };
        let recorder = self.state.record(parent_number, parent.block.header.state_root)?;
        let mut header = |number| Ok(self.state.header(number)?.ok_or(StateError::UnknownBlock(number))?.1);
        let witness = record(recording, recorder, &mut header).map_err(|error| match error {
            RecordError::Execution(error) => ChainError::Execution { number, error },
            RecordError::Header(why) => why.into(),
        })?;
        Ok(WitnessedBlock { block: executed.block.clone(), witness })
    }
}
