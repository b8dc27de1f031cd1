//! Reads a key out of a proof in a Merkle Patricia trie (Ethereum yellow paper, appendix D).
//!
//! Follows one path and hashes each node that it steps on, so what it takes is bounded by the proof's bytes. Nothing
//! is believed that is not hashed; nothing recurses; nothing is copied but the value. alloy-trie's `verify_proof` does not fit
//! here: it says whether an expected value is right, where an engine asks for the value, and its paths end at 64 nibbles.

use alloy_primitives::{B256, b256, keccak256};
use alloy_rlp::{EMPTY_STRING_CODE, Header};

/// The root of the empty trie: the hash of an empty string's RLP.
const EMPTY_ROOT: B256 = b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");

/// Why nodes prove nothing, as the contract names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProofError {
    Malformed,
    WrongNode,
    MissingNode,
    SurplusNode,
}

/// Where a node's path goes on.
enum Step<'a> {
    /// The key has this value, or none.
    End(Option<&'a [u8]>),
    /// At a node that stands inside its parent, because it is shorter than a hash.
    Inside(&'a [u8]),
    /// At the node with this hash.
    Hashed(B256),
}

/// The value of `key` under `root`, or none when `nodes` prove that it has none.
pub(crate) fn get<'a>(root: B256, key: &[u8], mut nodes: &'a [u8]) -> Result<Option<&'a [u8]>, ProofError> {
    if nodes.is_empty() && root == EMPTY_ROOT {
        return Ok(None);
    }
    let mut path = Path { key, at: 0 };
    let mut step = Step::Hashed(root);
    loop {
        let node = match step {
            Step::Inside(node) => node,
            Step::Hashed(hash) => {
                if nodes.is_empty() {
                    return Err(ProofError::MissingNode);
                }
                let node = item(&mut nodes)?.whole;
                if keccak256(node) != hash {
                    return Err(ProofError::WrongNode);
                }
                node
            }
            Step::End(_) if !nodes.is_empty() => return Err(ProofError::SurplusNode),
            Step::End(value) => return Ok(value),
        };
        step = read(node, &mut path)?;
    }
}

/// What is left of the key, in nibbles.
struct Path<'a> {
    key: &'a [u8],
    at: usize,
}

impl Path<'_> {
    fn len(&self) -> usize {
        2 * self.key.len()
    }

    /// The next nibble, if any is left.
    fn next(&self) -> Option<u8> {
        nibble(self.key, self.at)
    }
}

/// The n-th nibble of bytes.
fn nibble(bytes: &[u8], n: usize) -> Option<u8> {
    bytes.get(n / 2).map(|byte| if n.is_multiple_of(2) { byte >> 4 } else { byte & 0x0f })
}

/// Reads one node and goes along the path as far as it leads.
fn read<'a>(node: &'a [u8], path: &mut Path<'_>) -> Result<Step<'a>, ProofError> {
    if node == [EMPTY_STRING_CODE] {
        return Ok(Step::End(None));
    }
    let mut rest = node;
    let Item { is_list: true, payload: mut items, .. } = item(&mut rest)? else {
        return Err(ProofError::Malformed);
    };
    let mut found = [Item::default(); 17];
    let mut count = 0;
    while !items.is_empty() {
        *found.get_mut(count).ok_or(ProofError::Malformed)? = item(&mut items)?;
        count += 1;
    }
    match count {
        17 => branch(&found, path),
        2 => short(&found[0], &found[1], path),
        _ => Err(ProofError::Malformed),
    }
}

/// Sixteen children and a value.
fn branch<'a>(items: &[Item<'a>; 17], path: &mut Path<'_>) -> Result<Step<'a>, ProofError> {
    match path.next() {
        Some(nibble) => {
            path.at += 1;
            child(&items[usize::from(nibble)])
        }
        None if items[16].is_list => Err(ProofError::Malformed),
        None => Ok(Step::End(Some(items[16].payload).filter(|value| !value.is_empty()))),
    }
}

/// A leaf or an extension: a piece of path, and what it leads to.
fn short<'a>(piece: &Item<'a>, target: &Item<'a>, path: &mut Path<'_>) -> Result<Step<'a>, ProofError> {
    let (false, Some((&first, _))) = (piece.is_list, piece.payload.split_first()) else {
        return Err(ProofError::Malformed);
    };
    let (is_leaf, is_odd) = (first & 0x20 != 0, first & 0x10 != 0);
    // The flag's upper bits are zero, and the second nibble is either of the path or zero.
    if first & 0xc0 != 0 || (!is_odd && first & 0x0f != 0) {
        return Err(ProofError::Malformed);
    }
    let (start, end) = (if is_odd { 1 } else { 2 }, 2 * piece.payload.len());
    let fits = (start..end).all(|n| {
        let same = path.next() == nibble(piece.payload, n);
        path.at += usize::from(same);
        same
    });
    if is_leaf {
        if target.is_list || target.payload.is_empty() {
            return Err(ProofError::Malformed);
        }
        return Ok(Step::End((fits && path.at == path.len()).then_some(target.payload)));
    }
    // Without a path it would lead nowhere, for ever.
    if start == end {
        return Err(ProofError::Malformed);
    }
    match child(target)? {
        Step::End(_) => Err(ProofError::Malformed),
        _ if !fits => Ok(Step::End(None)),
        step => Ok(step),
    }
}

/// What a reference leads to.
fn child<'a>(reference: &Item<'a>) -> Result<Step<'a>, ProofError> {
    match reference {
        Item { is_list: false, payload: [], .. } => Ok(Step::End(None)),
        Item { is_list: false, payload, .. } => {
            B256::try_from(*payload).map(Step::Hashed).map_err(|_| ProofError::Malformed)
        }
        Item { is_list: true, whole, .. } if whole.len() < B256::len_bytes() => Ok(Step::Inside(whole)),
        Item { is_list: true, .. } => Err(ProofError::Malformed),
    }
}

/// One RLP item.
#[derive(Clone, Copy, Default)]
struct Item<'a> {
    is_list: bool,
    /// Header and payload.
    whole: &'a [u8],
    payload: &'a [u8],
}

/// Takes an item off the front.
fn item<'a>(bytes: &mut &'a [u8]) -> Result<Item<'a>, ProofError> {
    let all = *bytes;
    let mut rest = all;
    let header = Header::decode(&mut rest).map_err(|_| ProofError::Malformed)?;
    let (payload, after) = rest.split_at_checked(header.payload_length).ok_or(ProofError::Malformed)?;
    *bytes = after;
    Ok(Item { is_list: header.list, whole: &all[..all.len() - after.len()], payload })
}

#[cfg(test)]
mod tests;
