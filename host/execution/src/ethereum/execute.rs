//! A block of another client, executed and checked under the rules of its fork.

use alloy_consensus::{Transaction, TxEnvelope, proofs};
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_primitives::{Address, B256};
use caldera_state::StateDiff;
use caldera_types::{EthereumBody, Fork, SealedBlock};
use revm::context_interface::{ContextTr, JournalTr};

use super::{
    Place,
    error::{EthereumError, bound, same},
    ethereum_env, header, ommers, requests, rewards,
};
use crate::{
    Ground,
    error::{ExecutionError, TxError, TxRefusal},
    executor::{BlockExecutor, BlockOutcome},
    transaction::{Twins, signers_of},
};

/// Most bytes of a block's RLP from Osaka on (EIP-7934).
const BLOCK_BYTES: usize = 8 * 1024 * 1024;

/// What a block did, and who sent its transactions.
#[derive(Debug)]
pub struct Executed {
    /// What it did. Its root is for the caller to compare with the header's.
    pub outcome: BlockOutcome,
    /// Who sent each transaction.
    pub senders: Vec<Address>,
}

/// Executes a block on its parent's state and checks all of it but the state root, which is the caller's to compute.
/// `root_after` gives the root after a diff on the parent's state: before Byzantium each receipt holds one.
pub fn execute_ethereum(
    ground: Ground<'_>,
    place: Place<'_>,
    block: &SealedBlock,
    root_after: &dyn Fn(&StateDiff) -> Result<B256, caldera_state::StateError>,
) -> Result<Executed, EthereumError> {
    let number = block.header.number;
    let fork = check_before(place, block)?;
    let node = |error| EthereumError::Node { number, error };
    let senders = senders(place, block, fork)?;
    let mut executor = BlockExecutor::begin(ground, ethereum_env(place.genesis, &block.header)).map_err(node)?;
    for (index, (tx, sender)) in block.transactions.iter().zip(&senders).enumerate() {
        executor.apply(tx, *sender).map_err(|error| match error {
            TxError::Refused(why) => EthereumError::Transaction { number, index, why },
            TxError::Node(error) => node(error),
        })?;
        if fork < Fork::Byzantium {
            let root = root_after(executor.diff()).map_err(|error| node(error.into()))?;
            executor.put_root(root);
        }
    }
    let body = block.ethereum.clone().unwrap_or_default();
    let outcome = finish(executor, place, block, &body, fork)?;
    check_after(block, &outcome)?;
    Ok(Executed { outcome, senders })
}

/// What can be checked without executing anything.
fn check_before(place: Place<'_>, block: &SealedBlock) -> Result<Fork, EthereumError> {
    let (number, header) = (block.header.number, &block.header);
    same(number, "parent hash", &header.parent_hash, &place.parent.hash())?;
    let fork = header::check(place.genesis, header, &place.parent.header, place.merged)?;
    let transactions = proofs::calculate_transaction_root(&block.transactions);
    same(number, "transactions root", &header.transactions_root, &transactions)?;
    ommers::check(place, block)?;
    let body = block.ethereum.as_ref();
    let withdrawals = body.and_then(|body| body.withdrawals.as_ref());
    let root = withdrawals.map(|list| proofs::calculate_withdrawals_root(list));
    same(number, "withdrawals root", &header.withdrawals_root, &root)?;
    let blobs =
        block.transactions.iter().map(|tx| tx.blob_versioned_hashes().map_or(0, <[_]>::len) as u64).sum::<u64>();
    let gas = (fork >= Fork::Cancun).then(|| blobs * DATA_GAS_PER_BLOB);
    same(number, "blob gas used", &header.blob_gas_used, &gas)?;
    if fork >= Fork::Osaka {
        let bytes = alloy_rlp::encode(block.to_ethereum()).len();
        bound(number, "length", bytes <= BLOCK_BYTES, bytes, || format!("{BLOCK_BYTES} bytes at most"))?;
    }
    Ok(fork)
}

/// Recovers who sent the transactions, and refuses those that the fork does not know.
fn senders(place: Place<'_>, block: &SealedBlock, fork: Fork) -> Result<Vec<Address>, EthereumError> {
    let number = block.header.number;
    let named = place.genesis.schedule.eip155.is_some_and(|from| from <= number);
    let twins = if fork >= Fork::Homestead { Twins::Refused } else { Twins::Count };
    let signers = signers_of(&block.transactions.iter().collect::<Vec<_>>(), twins);
    let sender = |(index, (tx, signer)): (usize, (&TxEnvelope, Option<Address>))| {
        let refused = |why: &str| EthereumError::Transaction { number, index, why: TxRefusal::Invalid(why.into()) };
        if tx.is_legacy() && tx.chain_id().is_some() && !named {
            return Err(refused("its signature names a chain, which EIP-155 allows later"));
        }
        signer.ok_or_else(|| refused("its signature is not valid"))
    };
    block.transactions.iter().zip(signers).enumerate().map(sender).collect()
}

/// Closes the block: requests, then rewards or withdrawals.
fn finish(
    mut executor: BlockExecutor<'_>,
    place: Place<'_>,
    block: &SealedBlock,
    body: &EthereumBody,
    fork: Fork,
) -> Result<BlockOutcome, EthereumError> {
    let number = block.header.number;
    if fork >= Fork::Prague {
        let (ctx, receipts) = executor.parts();
        let hash = requests::of(ctx, number, place.genesis.deposit_contract(), receipts)?.requests_hash();
        same(number, "requests hash", &block.header.requests_hash, &Some(hash))?;
    }
    let (ctx, _) = executor.parts();
    for (address, wei) in rewards::of(&block.header, body, fork) {
        let credited = ctx.journal_mut().db_mut().credit(address, wei, fork >= Fork::SpuriousDragon);
        credited.map_err(|error| EthereumError::Node { number, error: ExecutionError::State(error) })?;
    }
    Ok(executor.into_outcome())
}

/// What only execution tells.
fn check_after(block: &SealedBlock, outcome: &BlockOutcome) -> Result<(), EthereumError> {
    let (number, header) = (block.header.number, &block.header);
    same(number, "gas used", &header.gas_used, &outcome.gas_used)?;
    same(number, "receipts root", &header.receipts_root, &outcome.receipts_root())?;
    let bloom = outcome.logs_bloom();
    if header.logs_bloom != bloom {
        // Equal receipts give equal blooms, so this is a header that was tampered with; 256 bytes tell a reader nothing.
        let hash = |bloom: &alloy_primitives::Bloom| format!("of hash {}", alloy_primitives::keccak256(bloom));
        let (given, expected) = (hash(&header.logs_bloom), hash(&bloom));
        return Err(super::Mismatch { number, field: "logs bloom", given, expected }.into());
    }
    Ok(())
}
