//! What a stored node leads to, for those who go over a whole trie.

use alloy_primitives::B256;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount, nodes::TrieNode};

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

/// A node that another one names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Where it stands, from the other one on; an account's storage stands at the account's end.
    pub path: Nibbles,
    /// Its hash.
    pub hash: B256,
    /// The trie that it is of.
    pub kind: Kind,
}

/// The nodes and codes that one node names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Links {
    /// Stored nodes right below it, the roots of accounts' storage among them.
    pub nodes: Vec<Link>,
    /// Codes of the accounts in it.
    pub codes: Vec<B256>,
    /// Values in it.
    pub values: usize,
}

/// Reads what a node leads to. What lies within the node itself is followed here.
pub(crate) fn links(node: &[u8], kind: Kind) -> Result<Links, StateError> {
    let mut links = Links::default();
    let mut open = vec![(Nibbles::default(), decode(node)?)];
    while let Some((path, node)) = open.pop() {
        let children = match node {
            TrieNode::EmptyRoot => continue,
            TrieNode::Leaf(leaf) => {
                links.values += 1;
                if kind == Kind::Accounts {
                    links.account(path.join(&leaf.key), &read_account(&leaf.value)?);
                }
                continue;
            }
            TrieNode::Extension(extension) => vec![(path.join(&extension.key), extension.child)],
            TrieNode::Branch(branch) => {
                let indices = (0..16).filter(|index| branch.state_mask.is_bit_set(*index));
                let below = |index| path.join(&Nibbles::from_nibbles_unchecked([index]));
                indices.map(below).zip(branch.stack).collect()
            }
        };
        for (path, child) in children {
            match child.as_hash() {
                Some(hash) => links.nodes.push(Link { path, hash, kind }),
                None => open.push((path, decode(&child)?)),
            }
        }
    }
    Ok(links)
}

impl Links {
    fn account(&mut self, path: Nibbles, account: &TrieAccount) {
        if account.storage_root != EMPTY_ROOT_HASH {
            self.nodes.push(Link { path, hash: account.storage_root, kind: Kind::Slots });
        }
        if account.code_hash != alloy_primitives::KECCAK256_EMPTY {
            self.codes.push(account.code_hash);
        }
    }
}
