//! Blocks: an Ethereum header and body, and the sidecar that carries staged components.

use alloy_consensus::{BlockBody, Header, TxEnvelope, proofs};
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};

use crate::{
    component::{Component, ComponentError},
    ethereum::{EthereumBody, Rules},
    fees::FeeRule,
};

/// What the rules may know of the block they run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockEnv {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Height.
    pub number: u64,
    /// Unix time in seconds; never decreases, may repeat.
    pub timestamp_s: u64,
    /// EIP-4399; the parent's hash here, so predictable.
    pub prev_randao: B256,
    /// Who earns the priority fees.
    pub beneficiary: Address,
    /// Gas limit of the block.
    pub gas_limit: u64,
    /// EIP-1559 base fee, in wei per gas.
    pub base_fee: u64,
    /// How the base fee of the block after it comes about.
    pub fees: FeeRule,
    /// Whose rules it follows.
    pub rules: Rules,
}

/// What a block's transactions did in sum, told to `end-block`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockSummary {
    /// Transactions, the system's own left out.
    pub transactions: u32,
    /// Gas used by them.
    pub gas_used: u64,
}

/// A block: who holds a chain's blocks can rebuild everything else, the engines included.
///
/// The header commits to the transactions; a stage transaction names a component's digest, so the header commits to
/// the sidecar too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Ethereum header, Osaka fields; those of its fork if another client made the block.
    pub header: Header,
    /// The transactions in order.
    pub transactions: Vec<TxEnvelope>,
    /// Components staged by them.
    pub sidecar: Vec<Component>,
    /// In a block that another client made: the rest of its body.
    pub ethereum: Option<EthereumBody>,
}

impl Block {
    /// The block with its hash.
    pub fn seal(self) -> SealedBlock {
        SealedBlock { hash: self.header.hash_slow(), block: self }
    }

    /// The block as Ethereum's clients exchange it. A sidecar has no place there.
    pub fn to_ethereum(&self) -> alloy_consensus::Block<TxEnvelope> {
        // Ours withdraw nothing, but the list is part of their fork's blocks.
        let ours = || EthereumBody { ommers: Vec::new(), withdrawals: Some(Default::default()) };
        let EthereumBody { ommers, withdrawals } = self.ethereum.clone().unwrap_or_else(ours);
        let body = BlockBody { transactions: self.transactions.clone(), ommers, withdrawals };
        alloy_consensus::Block { header: self.header.clone(), body }
    }

    /// A block that another client made.
    pub fn of_ethereum(block: alloy_consensus::Block<TxEnvelope>) -> Self {
        let BlockBody { transactions, ommers, withdrawals } = block.body;
        let ethereum = Some(EthereumBody { ommers, withdrawals });
        Self { header: block.header, transactions, sidecar: Vec::new(), ethereum }
    }

    /// The root that the header must carry for these transactions.
    pub fn transactions_root(transactions: &[TxEnvelope]) -> B256 {
        proofs::calculate_transaction_root(transactions)
    }
}

/// A block that knows its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBlock {
    hash: B256,
    block: Block,
}

impl SealedBlock {
    /// Keccak-256 of the RLP of the header.
    pub fn hash(&self) -> B256 {
        self.hash
    }
}

impl std::ops::Deref for SealedBlock {
    type Target = Block;

    fn deref(&self) -> &Block {
        &self.block
    }
}

/// The stored form: components compressed.
#[derive(RlpEncodable, RlpDecodable)]
#[rlp(trailing)]
struct Stored {
    header: Header,
    transactions: Vec<TxEnvelope>,
    sidecar: Vec<Bytes>,
    ethereum: Option<EthereumBody>,
}

impl Encodable for Block {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        Stored {
            header: self.header.clone(),
            transactions: self.transactions.clone(),
            sidecar: self.sidecar.iter().map(Component::compress).collect(),
            ethereum: self.ethereum.clone(),
        }
        .encode(out);
    }
}

impl Decodable for Block {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let stored = Stored::decode(buf)?;
        let sidecar: Result<_, ComponentError> = stored.sidecar.iter().map(|c| Component::decompress(c)).collect();
        let sidecar = sidecar.map_err(|_| alloy_rlp::Error::Custom("component in the sidecar"))?;
        Ok(Self { header: stored.header, transactions: stored.transactions, sidecar, ethereum: stored.ethereum })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unsigned::{is_system_transaction, system_transaction};

    #[test]
    fn blocks_survive_storage() {
        let block = Block {
            header: Header { number: 7, ..Default::default() },
            transactions: vec![system_transaction(4201, 7, 1, Address::ZERO, Bytes::from_static(b"x"))],
            sidecar: vec![Component::new(b"component".to_vec()).unwrap()],
            ethereum: None,
        };
        let bytes = alloy_rlp::encode(&block);
        let back = Block::decode(&mut bytes.as_slice()).unwrap();
        assert_eq!(back, block);
        assert!(is_system_transaction(&back.transactions[0]));
        assert_eq!(back.clone().seal().hash(), block.seal().hash());
    }

    #[test]
    fn another_clients_blocks_survive_storage() {
        let ommers = vec![Header { number: 6, ..Default::default() }];
        for withdrawals in [None, Some(Default::default())] {
            let ethereum = Some(EthereumBody { ommers: ommers.clone(), withdrawals });
            let block = Block { header: Header::default(), transactions: vec![], sidecar: vec![], ethereum };
            assert_eq!(Block::decode(&mut alloy_rlp::encode(&block).as_slice()).unwrap(), block);
        }
    }
}
