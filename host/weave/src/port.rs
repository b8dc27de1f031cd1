//! What a link needs of the two chains.

use alloy_primitives::{Address, B256, Bytes, LogData};
use weave_rules::{StateUnit, abi::Weave::Proof};

/// A chain could not answer; the same may be asked again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("chain {chain_id}: {why}")]
pub struct PortError {
    /// Which chain.
    pub chain_id: u64,
    /// Why not.
    pub why: String,
}

/// A chain whose units are carried.
pub trait Origin: Send + Sync {
    /// EIP-155 chain id.
    fn chain_id(&self) -> u64;
    /// Height of the newest certified block; zero if there is none.
    fn certified(&self) -> Result<u64, PortError>;
    /// The certificate of a block, in the one encoding.
    fn certificate(&self, height: u64) -> Result<Option<Bytes>, PortError>;
    /// What the weave engine logged in a block, in order.
    fn logs(&self, height: u64) -> Result<Vec<LogData>, PortError>;
    /// A unit as it was after a block.
    fn unit(&self, height: u64, id: B256) -> Result<Option<StateUnit>, PortError>;
    /// The proof that it was so, or that there was none.
    fn proof(&self, height: u64, id: B256) -> Result<Proof, PortError>;
    /// The id under which the engine has a right.
    fn right_id(&self, kind: u8, owner: Address, key: B256) -> B256;
}

/// What a call of the weave engine came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It returned this.
    Returned(Bytes),
    /// It reverted with this.
    Reverted(Bytes),
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is in no block yet.
    Waits,
    /// It is in a block, whatever it did there.
    Mined,
    /// Nobody has it.
    Gone,
}

/// A chain where units take effect.
pub trait Destination: Send + Sync {
    /// EIP-155 chain id.
    fn chain_id(&self) -> u64;
    /// What a call of the weave engine by the carrier's account would give on the newest state.
    fn ask(&self, input: Bytes) -> Result<Answer, PortError>;
    /// Signs a call of the weave engine and sends it.
    fn submit(&self, input: Bytes) -> Result<B256, PortError>;
    /// What became of it.
    fn sent(&self, hash: B256) -> Result<Sent, PortError>;
    /// Whether no transaction of the carrier waits, of this run or one before.
    fn is_idle(&self) -> Result<bool, PortError>;
}
