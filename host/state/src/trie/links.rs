//! What a stored node leads to, for those who go over a whole trie.

use alloy_primitives::B256;
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount, nodes::TrieNode};

use super::{read_account, update::decode};
use crate::error::StateError;

/// Which trie a node is of, and so what its values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Accounts by hashed address.
    Accounts,
    /// Words by hashed slot.
    Slots,
}

/// The nodes and codes that one node names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Links {
    /// Stored nodes right below it, the roots of accounts' storage among them.
    pub nodes: Vec<(B256, Kind)>,
    /// Codes of the accounts in it.
    pub codes: Vec<B256>,
    /// Values in it.
    pub values: usize,
}

/// Reads what a node leads to. What lies within the node itself is followed here.
pub(crate) fn links(node: &[u8], kind: Kind) -> Result<Links, StateError> {
    let mut links = Links::default();
    let mut open = vec![decode(node)?];
    while let Some(node) = open.pop() {
        let children = match node {
            TrieNode::EmptyRoot => continue,
            TrieNode::Leaf(leaf) => {
                links.values += 1;
                if kind == Kind::Accounts {
                    links.account(&read_account(&leaf.value)?);
                }
                continue;
            }
            TrieNode::Extension(extension) => vec![extension.child],
            TrieNode::Branch(branch) => branch.stack,
        };
        for child in children {
            match child.as_hash() {
                Some(hash) => links.nodes.push((hash, kind)),
                None => open.push(decode(&child)?),
            }
        }
    }
    Ok(links)
}

impl Links {
    fn account(&mut self, account: &TrieAccount) {
        if account.storage_root != EMPTY_ROOT_HASH {
            self.nodes.push((account.storage_root, Kind::Slots));
        }
        if account.code_hash != alloy_primitives::KECCAK256_EMPTY {
            self.codes.push(account.code_hash);
        }
    }
}
