//! The layout of the store: one byte says what a key is, fixed-width fields follow, numbers big-endian.
//!
//! | prefix | key | value |
//! |---|---|---|
//! | `H` | | head record |
//! | `a` | address | account, RLP |
//! | `s` | address, slot | word, big-endian without leading zeros |
//! | `c` | code hash, chunk | length u64 and code |
//! | `T` | node hash | trie node, RLP |
//! | `h` | height | block hash, header RLP |
//! | `n` | block hash | height |
//! | `t` | transaction hash | height, index |
//! | `d` | component digest | height of the first block that carries it |
//! | `r` | height, chunk | length u64 and receipts, RLP list |
//!
//! A change of this table is a change of [`crate::head::FORMAT`].

use alloy_primitives::{Address, B256, U256};

/// The head record.
pub(crate) const HEAD: &[u8] = b"H";

/// Where all accounts are.
pub(crate) const ACCOUNTS: &[u8] = b"a";
/// Where all slots are.
pub(crate) const SLOTS: &[u8] = b"s";

/// The address in the key of an account.
pub(crate) fn read_account(key: &[u8]) -> Option<Address> {
    let [b'a', address @ ..] = key else { return None };
    Address::try_from(address).ok()
}

/// Address and slot in the key of a slot.
pub(crate) fn read_slot(key: &[u8]) -> Option<(Address, B256)> {
    let [b's', rest @ ..] = key else { return None };
    let (address, slot) = rest.split_first_chunk::<20>()?;
    Some((Address::from(*address), B256::try_from(slot).ok()?))
}

pub(crate) fn account(address: Address) -> Vec<u8> {
    join(b'a', &[address.as_slice()])
}

pub(crate) fn slots_of(address: Address) -> Vec<u8> {
    join(b's', &[address.as_slice()])
}

pub(crate) fn slot(address: Address, slot: U256) -> Vec<u8> {
    join(b's', &[address.as_slice(), &slot.to_be_bytes::<32>()])
}

pub(crate) fn code(hash: B256) -> Vec<u8> {
    join(b'c', &[hash.as_slice()])
}

pub(crate) fn node(hash: B256) -> Vec<u8> {
    join(b'T', &[hash.as_slice()])
}

pub(crate) fn header(number: u64) -> Vec<u8> {
    join(b'h', &[&number.to_be_bytes()])
}

pub(crate) fn block_number(hash: B256) -> Vec<u8> {
    join(b'n', &[hash.as_slice()])
}

pub(crate) fn transaction(hash: B256) -> Vec<u8> {
    join(b't', &[hash.as_slice()])
}

pub(crate) fn component(digest: B256) -> Vec<u8> {
    join(b'd', &[digest.as_slice()])
}

pub(crate) fn receipts(number: u64) -> Vec<u8> {
    join(b'r', &[&number.to_be_bytes()])
}

fn join(prefix: u8, fields: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![prefix];
    fields.iter().for_each(|field| key.extend_from_slice(field));
    key
}
