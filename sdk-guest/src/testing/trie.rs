//! The test chain's state as Ethereum's tries, with proofs, so that one chain's engine can prove something to another's.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Header;
use alloy_trie::{
    EMPTY_ROOT_HASH, HashBuilder, KECCAK_EMPTY, Nibbles, TrieAccount,
    proof::{ProofRetainer, ProofVerificationError, verify_proof},
};

use super::TestHost;
use crate::verify::ProofFailure;

/// The state of one block: what it holds can be proven long after the chain went on.
#[derive(Clone, Debug)]
pub struct State {
    accounts: BTreeMap<B256, Vec<u8>>,
    storages: BTreeMap<Address, BTreeMap<B256, Vec<u8>>>,
}

/// Proofs of an account and of one slot of it, nodes one after another, as [`crate::verify::prove`] takes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Of the account, against the state root.
    pub account: Vec<u8>,
    /// Of the slot, against the account's storage root.
    pub storage: Vec<u8>,
}

impl TestHost {
    /// The state as it is now: storages of engines, laid out as the node does, and balances. Nonces and codes are not kept here.
    pub fn state(&self) -> State {
        let storages: BTreeMap<_, _> = self.accounts().into_iter().map(|of| (of, slots(&self.storage(of)))).collect();
        let account = |(of, slots): (&Address, &BTreeMap<B256, Vec<u8>>)| {
            let (storage_root, _) = trie(slots, None);
            let account = TrieAccount { nonce: 1, balance: self.balance(*of), storage_root, code_hash: KECCAK_EMPTY };
            (keccak256(of), alloy_rlp::encode(account))
        };
        State { accounts: storages.iter().map(account).collect(), storages }
    }
}

impl State {
    /// The state root.
    pub fn root(&self) -> B256 {
        trie(&self.accounts, None).0
    }

    /// The proof of what stands, or that nothing stands, in a slot.
    pub fn prove(&self, account: Address, slot: B256) -> Proof {
        let (_, of_account) = trie(&self.accounts, Some(keccak256(account)));
        let none = BTreeMap::new();
        let (_, of_slot) = trie(self.storages.get(&account).unwrap_or(&none), Some(keccak256(slot)));
        Proof { account: of_account, storage: of_slot }
    }
}

/// Root of a trie over hashed keys, and the nodes that prove one of them.
fn trie(entries: &BTreeMap<B256, Vec<u8>>, asked: Option<B256>) -> (B256, Vec<u8>) {
    if entries.is_empty() {
        return (EMPTY_ROOT_HASH, Vec::new());
    }
    let targets: Vec<_> = asked.iter().map(Nibbles::unpack).collect();
    let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::new(targets.clone()));
    entries.iter().for_each(|(key, value)| builder.add_leaf(Nibbles::unpack(key), value));
    let (root, nodes) = (builder.root(), builder.take_proof_nodes());
    let proof = targets.first().map(|target| nodes.matching_nodes_sorted(target)).unwrap_or_default();
    // The builder keeps nodes that stand inside their parents too; `eth_getProof` gives those that are hashed.
    let hashed = proof.into_iter().filter(|(path, node)| path.is_empty() || node.len() >= 32);
    (root, hashed.flat_map(|(_, node)| node.to_vec()).collect())
}

/// Entries as slots of a Solidity `mapping(bytes => bytes)` at slot 0, by the hash of the slot.
fn slots(entries: &BTreeMap<Vec<u8>, Vec<u8>>) -> BTreeMap<B256, Vec<u8>> {
    let mut slots = BTreeMap::new();
    let mut put = |slot: B256, word: [u8; 32]| {
        let word = U256::from_be_bytes(word);
        if !word.is_zero() {
            slots.insert(keccak256(slot), alloy_rlp::encode(word));
        }
    };
    for (key, value) in entries {
        let slot = keccak256([key.as_slice(), &[0; 32]].concat());
        let mut head = [0; 32];
        if value.len() < 32 {
            head[..value.len()].copy_from_slice(value);
            // At most 62.
            head[31] = 2 * value.len() as u8;
            put(slot, head);
            continue;
        }
        put(slot, U256::from(2 * value.len() + 1).to_be_bytes());
        let first = U256::from_be_bytes(keccak256(slot).0);
        for (index, chunk) in value.chunks(32).enumerate() {
            let mut word = [0; 32];
            word[..chunk.len()].copy_from_slice(chunk);
            put(first.wrapping_add(U256::from(index)).into(), word);
        }
    }
    slots
}

/// What the node's host call says, by another library. Keys are 32 bytes here, as in all of Ethereum's tries.
pub(super) fn get(root: B256, key: &[u8], mut nodes: &[u8]) -> Result<Option<Vec<u8>>, ProofFailure> {
    assert_eq!(key.len(), 32, "the test host knows tries with keys of 32 bytes alone");
    let mut split = Vec::new();
    while !nodes.is_empty() {
        let mut rest = nodes;
        let header = Header::decode(&mut rest).map_err(|_| ProofFailure::Malformed)?;
        let length = nodes.len() - rest.len() + header.payload_length;
        let (node, after) = nodes.split_at_checked(length).ok_or(ProofFailure::Malformed)?;
        split.push(Bytes::copy_from_slice(node));
        nodes = after;
    }
    let path = Nibbles::unpack(key);
    // That nothing is there holds, or the error says what is; that this is there must then hold.
    match verify_proof(root, path, None, &split) {
        Ok(()) => Ok(None),
        Err(ProofVerificationError::ValueMismatch { path: at, got: Some(value), expected: None }) if at == path => {
            let value = value.to_vec();
            let holds = verify_proof(root, path, Some(value.clone()), &split).is_ok();
            holds.then_some(Some(value)).ok_or(ProofFailure::MissingNode)
        }
        // In the middle of the nodes: what is expected is what the key leads to, once its path is walked.
        Err(ProofVerificationError::ValueMismatch { path: at, expected: Some(_), .. }) if at != path => {
            Err(ProofFailure::WrongNode)
        }
        Err(ProofVerificationError::ValueMismatch { .. }) => Err(ProofFailure::SurplusNode),
        Err(ProofVerificationError::RootMismatch { .. }) => Err(ProofFailure::MissingNode),
        Err(_) => Err(ProofFailure::Malformed),
    }
}
