//! What every method of one chain has at hand, and how it finds the block that a client means.

use std::sync::Arc;

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::B256;
use caldera_chain::{Chain, ExecutedBlock};
use caldera_state::TrieView;
use caldera_validation::{Certified, Registration};

use crate::{
    dev::Keys,
    errors::{Reply, RpcError},
    eth::installed::Filters,
    intake::Intake,
    leader::{Beside, Leader},
    limits::ApiLimits,
};

/// One chain as the API sees it.
pub(crate) struct ChainApi {
    pub(crate) chain: Arc<Chain>,
    pub(crate) limits: ApiLimits,
    pub(crate) filters: Filters,
    /// Takes in what is sent.
    pub(crate) intake: Intake,
    /// What a development chain signs with.
    pub(crate) keys: Keys,
    /// Who takes transactions, if this chain follows.
    pub(crate) leader: Option<Arc<dyn Leader>>,
    /// Certificates, if the chain has validators.
    pub(crate) certified: Option<Arc<Certified>>,
    /// How its validators joined their committee.
    pub(crate) registered: Arc<[Registration]>,
}

impl ChainApi {
    /// What a chain has beside itself: keys if it is for development, a leader if it follows.
    pub(crate) fn new(chain: Arc<Chain>, limits: ApiLimits, beside: &Beside) -> Self {
        let filters = Filters::new(limits.filters, limits.filters_per_connection, limits.filter_idle);
        let keys = if chain.is_development() { Keys::new(&beside.keys) } else { Keys::default() };
        let leader = beside.leaders.get(chain.name()).cloned();
        let certified = beside.certified.get(chain.name()).cloned();
        let registered = beside.registered.get(chain.name()).cloned().unwrap_or_default();
        let intake = Intake::new(chain.clone());
        Self { chain, limits, filters, intake, keys, leader, certified, registered }
    }

    /// Height of the head.
    pub(crate) fn head_number(&self) -> u64 {
        self.chain.head().block.header.number
    }

    /// The height that a tag or number stands for; it may be above the head.
    pub(crate) fn height(&self, block: BlockNumberOrTag) -> u64 {
        match block {
            BlockNumberOrTag::Number(number) => number,
            BlockNumberOrTag::Earliest => 0,
            // Blocks are final when sealed: see the crate's documentation.
            BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => self.head_number(),
            // Settlement elsewhere is to come; what no quorum has seen is not called final.
            BlockNumberOrTag::Safe | BlockNumberOrTag::Finalized => self.safe_number(),
        }
    }

    /// The height of a block that exists, by number, tag or EIP-1898 object.
    ///
    /// `requireCanonical` always holds: a sealed block is never replaced, so every block known here is canonical.
    pub(crate) fn existing(&self, block: Option<BlockId>) -> Reply<u64> {
        match block.unwrap_or_default() {
            BlockId::Number(block) => {
                let number = self.height(block);
                if number > self.head_number() { Err(RpcError::NoBlock(number.to_string())) } else { Ok(number) }
            }
            BlockId::Hash(block) => self.existing_hash(block.block_hash),
        }
    }

    /// The height of a block that exists, by hash.
    pub(crate) fn existing_hash(&self, hash: B256) -> Reply<u64> {
        self.chain.number_of(hash)?.ok_or_else(|| RpcError::NoBlock(hash.to_string()))
    }

    /// A block, or none when there is no such block.
    pub(crate) fn block(&self, block: BlockId) -> Reply<Option<Arc<ExecutedBlock>>> {
        let number = match block {
            BlockId::Number(block) => Some(self.height(block)),
            BlockId::Hash(block) => self.chain.number_of(block.block_hash)?,
        };
        Ok(number.map(|number| self.chain.block(number)).transpose()?.flatten())
    }

    /// The state after a block.
    pub(crate) fn view(&self, block: Option<BlockId>) -> Reply<TrieView> {
        Ok(self.chain.view(self.existing(block)?)?)
    }
}
