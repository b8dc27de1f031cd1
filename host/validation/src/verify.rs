//! Executing a block with nothing but its witness.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use caldera_engine::Engines;
use caldera_execution::{
    ComponentSource, ExecutionError, Ground, HeaderMismatch, child_env, execute, registry, seal, verify_header,
};
use caldera_state::{Leftover, StateError, Witness, WitnessError, WitnessView};
use caldera_types::{Block, Component, Digest};

/// What of a chain's genesis its blocks' environment comes from. Who verifies says it, not the witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainRules {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Gas limit of every block.
    pub gas_limit: u64,
    /// Who earns the priority fees.
    pub beneficiary: Address,
}

/// A block that is what its execution gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Height.
    pub height: u64,
    /// The block before, which is taken as given.
    pub parent_hash: B256,
    /// Keccak-256 of the header.
    pub block_hash: B256,
    /// Root of the state after it.
    pub state_root: B256,
    /// Root of its receipts.
    pub receipts_root: B256,
}

/// A block was not accepted. Only [`VerifyError::Node`] is the verifier's own fault.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The block is not of this node's own rules.
    #[error("the block was made by another client: it is verified by a replay of the whole chain")]
    Foreign,
    /// The genesis.
    #[error("block 0 follows from no block: hold it against the genesis file")]
    Genesis,
    /// The parent's header, or an older one, is missing or another.
    #[error("the header of block {number} is not in the witness, or is not the one that the block after it names")]
    Ancestor {
        /// Height.
        number: u64,
    },
    /// The parent is not of this chain.
    #[error("the gas limit of block {number} is {given}, but {expected} on this chain")]
    GasLimit {
        /// Height of the parent.
        number: u64,
        /// What it says.
        given: u64,
        /// The chain's.
        expected: u64,
    },
    /// The witness is not in order.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// The block reads a trie node that did not come.
    #[error("trie node {0} is not in the witness")]
    MissingNode(B256),
    /// The block runs a code that did not come.
    #[error("code {0} is not in the witness")]
    MissingCode(B256),
    /// The block asks for a hash whose header did not come.
    #[error("the header of block {0} is not in the witness, and the block asks for its hash")]
    MissingHeader(u64),
    /// The block runs a component that is not here.
    #[error("component {0} is needed and not here")]
    MissingComponent(Digest),
    /// A node of the trie is no node, or does not belong where it is.
    #[error("the witness holds a damaged {0}")]
    Damaged(&'static str),
    /// Something came that the block does not need.
    #[error("the witness holds more than the block needs: {0}")]
    Leftover(#[from] Leftover),
    /// The components named are not those that the block may run.
    #[error("the witness names other components than the block may run: {0} is one too many or missing")]
    Components(Digest),
    /// The block holds a transaction that cannot be part of it.
    #[error("{0}")]
    Invalid(String),
    /// The block's header is not what its execution gives.
    #[error(transparent)]
    Header(#[from] HeaderMismatch),
    /// The block carries something else than its header says.
    #[error("the {0} of the block are not those that its execution gives")]
    Body(&'static str),
    /// This machine could not do it: no verdict on the block.
    #[error("this verifier failed: {0}")]
    Node(ExecutionError),
}

impl VerifyError {
    /// Whether it says nothing about the block: only that it could not be verified here.
    pub fn is_own_fault(&self) -> bool {
        matches!(self, Self::Node(_) | Self::MissingComponent(_))
    }
}

impl From<ExecutionError> for VerifyError {
    fn from(error: ExecutionError) -> Self {
        match error {
            ExecutionError::State(error) => error.into(),
            ExecutionError::MissingComponent(digest) => Self::MissingComponent(digest),
            ExecutionError::BadTransaction { .. } => Self::Invalid(error.to_string()),
            // Records that are under the state root: a chain that has such a state is broken, and so is this block.
            ExecutionError::Registry { .. } => Self::Invalid(error.to_string()),
            error => Self::Node(error),
        }
    }
}

impl From<StateError> for VerifyError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::DamagedNode(hash) | StateError::UnknownRoot(hash) => Self::MissingNode(hash),
            StateError::UnknownCode(hash) => Self::MissingCode(hash),
            StateError::UnknownBlock(number) => Self::MissingHeader(number),
            StateError::Damaged { what } => Self::Damaged(what),
            error => Self::Node(error.into()),
        }
    }
}

/// Executes a block with no database: what it reads comes from its witness, what it runs from `engines` and `components`.
///
/// Of a block there is one witness: whatever is changed, missing or too much is an error. That the parent is the chain's, and the
/// block the one that was meant, is for the caller to know ([`Verified::parent_hash`], [`Verified::block_hash`]): the same
/// transactions a second later are another valid block.
pub fn verify(
    rules: &ChainRules,
    block: &Block,
    witness: &Witness,
    engines: &Engines,
    components: &dyn ComponentSource,
) -> Result<Verified, VerifyError> {
    if block.ethereum.is_some() {
        return Err(VerifyError::Foreign);
    }
    let (parent, hashes) = ancestors(rules, &block.header, &witness.headers)?;
    let view = WitnessView::new(parent.state_root, witness, hashes)?;
    let ChainRules { chain_id, gas_limit, beneficiary } = *rules;
    let (given, parent_hash) = (&block.header, block.header.parent_hash);
    let env = child_env(chain_id, parent, parent_hash, given.timestamp, beneficiary, gas_limit);
    let named: BTreeSet<_> = witness.components.iter().copied().collect();
    let components = Named { named: &named, below: components, asked: RefCell::default() };
    let mut needed = registry::components(&view)?;
    let outcome = execute(Ground { view: &view, engines, components: &components }, env, block)?;
    let state_root = view.root_after(&outcome.diff)?;
    let executed = seal(&env, parent_hash, &outcome, state_root);
    verify_header(given, &executed)?;
    if outcome.transactions != block.transactions {
        return Err(VerifyError::Body("transactions"));
    }
    if outcome.sidecar != block.sidecar {
        return Err(VerifyError::Body("components"));
    }
    needed.extend(components.asked.into_inner());
    if let Some(odd) = needed.symmetric_difference(&named).next() {
        return Err(VerifyError::Components(*odd));
    }
    view.leftover().map_or(Ok(()), Err)?;
    Ok(Verified {
        height: given.number,
        parent_hash,
        block_hash: executed.hash_slow(),
        state_root,
        receipts_root: executed.receipts_root,
    })
}

/// The parent and the hashes of the blocks below, once each header is the one that the next names.
fn ancestors<'a>(
    rules: &ChainRules,
    child: &Header,
    headers: &'a [Header],
) -> Result<(&'a Header, BTreeMap<u64, B256>), VerifyError> {
    let mut hashes = BTreeMap::new();
    let (mut number, mut named) = (child.number, child.parent_hash);
    for header in headers {
        number = number.checked_sub(1).ok_or(VerifyError::Genesis)?;
        if header.number != number || header.hash_slow() != named {
            return Err(VerifyError::Ancestor { number });
        }
        hashes.insert(number, named);
        named = header.parent_hash;
    }
    let parent_number = child.number.checked_sub(1).ok_or(VerifyError::Genesis)?;
    let parent = headers.first().ok_or(VerifyError::Ancestor { number: parent_number })?;
    // The base fee is computed from it: a chain's blocks all have the chain's.
    if parent.gas_limit != rules.gas_limit || rules.gas_limit < 2 {
        let (number, given, expected) = (parent.number, parent.gas_limit, rules.gas_limit);
        return Err(VerifyError::GasLimit { number, given, expected });
    }
    Ok((parent, hashes))
}

/// The components that a witness names, with a record of those that were asked for.
struct Named<'a> {
    named: &'a BTreeSet<Digest>,
    below: &'a dyn ComponentSource,
    asked: RefCell<BTreeSet<Digest>>,
}

impl ComponentSource for Named<'_> {
    fn component(&self, digest: Digest) -> Result<Option<Component>, StateError> {
        if !self.named.contains(&digest) {
            return Ok(None);
        }
        let component = self.below.component(digest)?.filter(|component| component.digest() == digest);
        if component.is_some() {
            self.asked.borrow_mut().insert(digest);
        }
        Ok(component)
    }
}
