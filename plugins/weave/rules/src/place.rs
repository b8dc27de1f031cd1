//! Where a unit's commitment lies in its origin's state, and what a proof of that place says.
//!
//! An engine's storage is a Solidity `mapping(bytes => bytes)` at slot 0. The commitment of unit `id` is the entry of the key
//! `4 ‖ "unit" ‖ id`; with 31 bytes it stands in the entry's first slot, so an account proof and one storage proof are enough.

use alloy_primitives::{B256, keccak256};

use crate::unit::COMMITMENT_BYTES;

/// The name of the engine's field of commitments.
pub const FIELD: &str = "unit";

/// The slot of a unit's commitment: what to ask `eth_getProof` for.
pub fn slot(id: B256) -> B256 {
    let mut preimage = [0; 1 + FIELD.len() + 32 + 32];
    preimage[0] = FIELD.len() as u8;
    preimage[1..1 + FIELD.len()].copy_from_slice(FIELD.as_bytes());
    preimage[1 + FIELD.len()..][..32].copy_from_slice(id.as_slice());
    keccak256(preimage)
}

/// What stands in that slot, as the storage trie has it: the RLP of a number, so leading zeros are left out.
pub fn leaf(commitment: &[u8; COMMITMENT_BYTES]) -> Vec<u8> {
    let mut word = [0; 32];
    word[..COMMITMENT_BYTES].copy_from_slice(commitment);
    word[31] = 2 * COMMITMENT_BYTES as u8;
    // The last byte is not zero, so something is left; and it is the only byte left only if it is below 0x80.
    let zeros = word.iter().take_while(|byte| **byte == 0).count();
    let number = &word[zeros..];
    if number.len() == 1 {
        return number.to_vec();
    }
    let mut rlp = Vec::with_capacity(33);
    rlp.push(0x80 + number.len() as u8);
    rlp.extend_from_slice(number);
    rlp
}

/// The storage root in an account's leaf of the state trie: RLP of nonce, balance, storage root and code hash.
pub fn storage_root(account: &[u8]) -> Option<B256> {
    let payload = match account {
        [0xf8, length, payload @ ..] if usize::from(*length) == payload.len() => payload,
        _ => return None,
    };
    let (_nonce, rest) = string(payload)?;
    let (_balance, rest) = string(rest)?;
    let (root, rest) = string(rest)?;
    let (code_hash, rest) = string(rest)?;
    (rest.is_empty() && code_hash.len() == 32).then(|| B256::try_from(root).ok()).flatten()
}

/// A string of at most 55 bytes, and what follows it.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match *bytes.first()? {
        0..=0x7f => bytes.split_at_checked(1),
        head @ 0x80..=0xb7 => bytes[1..].split_at_checked(usize::from(head - 0x80)),
        _ => None,
    }
}
