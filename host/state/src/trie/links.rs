//! What a stored node leads to, for those who go over a whole trie.

use alloy_primitives::B256;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount, nodes::TrieNode};

use super::{
    change::read_account,
    insert::{KEY_NIBBLES, MISPLACED},
    node::Node,
};
use crate::{
    error::StateError,
    place::{NodeRef, Place},
};

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
    /// Its hash, and where it lies.
    pub to: NodeRef,
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

/// Reads what the node that lies at a place leads to, in the order in which it names them. What lies within the node itself is
/// followed here.
pub(crate) fn links(bytes: &[u8], own: Place, kind: Kind) -> Result<Links, StateError> {
    let mut links = Links::default();
    let Node { node, below } = Node::decode(bytes, own)?;
    let mut below = below.into_iter().map(|at| at.in_block(own));
    let mut open = vec![(Nibbles::default(), node)];
    while let Some((path, node)) = open.pop() {
        let children = match node {
            TrieNode::EmptyRoot => continue,
            TrieNode::Leaf(leaf) => {
                links.values += 1;
                if kind == Kind::Accounts {
                    links.account(join(&path, &leaf.key)?, &read_account(&leaf.value)?, &mut below);
                }
                continue;
            }
            TrieNode::Extension(extension) => vec![(join(&path, &extension.key)?, extension.child)],
            TrieNode::Branch(branch) => {
                let indices = (0..16).filter(|index| branch.state_mask.is_bit_set(*index));
                let below = |index| join(&path, &Nibbles::from_nibbles_unchecked([index]));
                let children = indices.zip(branch.stack).map(|(index, child)| Ok((below(index)?, child)));
                children.collect::<Result<_, StateError>>()?
            }
        };
        for (path, child) in children {
            match child.as_hash() {
                Some(hash) => links.nodes.push(Link { path, to: at(hash, &mut below), kind }),
                // Nothing in less than 32 bytes names another node.
                None => open.push((path, Node::decode(&child, own)?.node)),
            }
        }
    }
    Ok(links)
}

/// A path and what goes on from its end; the longest is a whole key, which a snapshot need not keep to.
pub(crate) fn join(path: &Nibbles, more: &Nibbles) -> Result<Nibbles, StateError> {
    if path.len() + more.len() > KEY_NIBBLES { Err(MISPLACED) } else { Ok(path.join(more)) }
}

fn at(hash: B256, below: &mut impl Iterator<Item = Place>) -> NodeRef {
    NodeRef { hash, place: below.next().unwrap_or_default() }
}

impl Links {
    fn account(&mut self, path: Nibbles, account: &TrieAccount, below: &mut impl Iterator<Item = Place>) {
        if account.storage_root != EMPTY_ROOT_HASH {
            self.nodes.push(Link { path, to: at(account.storage_root, below), kind: Kind::Slots });
        }
        if account.code_hash != alloy_primitives::KECCAK256_EMPTY {
            self.codes.push(account.code_hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_rlp::Encodable as _;
    use alloy_trie::nodes::{ExtensionNode, LeafNode, RlpNode};

    use super::*;

    #[test]
    fn what_goes_on_beyond_the_end_of_keys_is_refused() {
        for (shared, fits) in [(63, true), (64, false)] {
            let (mut leaf, mut node) = (Vec::new(), Vec::new());
            LeafNode::new(Nibbles::from_nibbles([7]), vec![1]).encode(&mut leaf);
            let key = Nibbles::unpack(B256::ZERO).slice(..shared);
            ExtensionNode::new(key, RlpNode::from_raw_rlp(&leaf).unwrap()).encode(&mut node);
            // What is no account is refused too, if it gets so far.
            let error = links(&node, Place::default(), Kind::Accounts).unwrap_err();
            assert_eq!(error.to_string() != MISPLACED.to_string(), fits, "{error}");
        }
    }
}
