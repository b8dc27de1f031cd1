//! Proofs of accounts and slots against a state root (EIP-1186), of their absence too.

use alloy_primitives::{Address, B256, Bytes, U256};

use crate::{error::StateError, nodes::Nodes, place::NodeRef, trie, trie_view::decode_word, view::Account};

/// An account with its proof, and proofs of some of its slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProof {
    /// Whose.
    pub address: Address,
    /// The account, or none when the proof shows that there is none.
    pub account: Option<Account>,
    /// Root of its storage; the empty trie's when there is no account.
    pub storage_root: B256,
    /// Trie nodes, RLP, from the state root down. Empty when the state is.
    pub proof: Vec<Bytes>,
    /// The slots, in the order they were asked for.
    pub storage: Vec<StorageProof>,
}

/// A slot with its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageProof {
    /// Which.
    pub key: B256,
    /// Its word; zero when the proof shows that nothing is stored.
    pub value: U256,
    /// Trie nodes, RLP, from the storage root down. Empty when the storage is.
    pub proof: Vec<Bytes>,
}

/// Proves an account and some of its slots at a root.
pub(crate) fn prove(
    nodes: &Nodes,
    root: NodeRef,
    address: Address,
    slots: &[B256],
) -> Result<AccountProof, StateError> {
    trie::must_be_stored(nodes, root)?;
    let (account, proof) = trie::prove(nodes, root, address.as_slice())?;
    let account = account.map(|found| trie::Stored::read(&found)).transpose()?;
    let storage_root = trie::storage_root(account);
    let storage = slots.iter().map(|key| {
        let (value, proof) = trie::prove(nodes, storage_root, key.as_slice())?;
        Ok(StorageProof { key: *key, value: decode_word(value)?, proof })
    });
    let storage = storage.collect::<Result<_, StateError>>()?;
    let account = account.map(|stored| stored.account);
    let account = account.map(|a| Account { nonce: a.nonce, balance: a.balance, code_hash: a.code_hash });
    Ok(AccountProof { address, account, storage_root: storage_root.hash, proof, storage })
}
