//! `transfer` of an ERC-20 token by hand: balances in a mapping at slot 0, the check, the event, the answer.

use alloy_primitives::{Address, Bytes, U256, keccak256};
use caldera_execution::GenesisAccount;

/// Where it is.
pub const ADDRESS: Address = Address::repeat_byte(0xe2);

/// The token with a million for each holder.
pub fn account(holders: &[Address]) -> GenesisAccount {
    let storage = holders.iter().map(|holder| (slot(*holder), U256::from(1_000_000))).collect();
    GenesisAccount { nonce: 1, code: code(), storage, ..Default::default() }
}

/// Calldata.
pub fn transfer(to: Address, amount: u64) -> Bytes {
    let selector = &keccak256("transfer(address,uint256)")[..4];
    [selector, to.into_word().as_slice(), &U256::from(amount).to_be_bytes::<32>()].concat().into()
}

fn slot(holder: Address) -> U256 {
    keccak256([holder.into_word().0, [0; 32]].concat()).into()
}

fn code() -> Bytes {
    let event = keccak256("Transfer(address,address,uint256)");
    let mut code = vec![
        0x33, 0x5f, 0x52, // memory 0: the caller
        0x60, 0x40, 0x5f, 0x20, // its slot
        0x80, 0x54, // its balance
        0x60, 0x24, 0x35, // the amount
        0x80, 0x82, 0x10, 0x15, 0x60, 24, 0x57, // unless the balance is less, go on
        0x5f, 0x5f, 0xfd, // else revert
        0x00, 0x00, 0x5b, // (padding) the way on
        0x80, 0x91, 0x03, // slot, amount, balance - amount
        0x91, 0x90, 0x91, 0x90, 0x55, // SSTORE, the amount is left
        0x60, 0x04, 0x35, 0x5f, 0x52, // memory 0: the receiver
        0x60, 0x40, 0x5f, 0x20, 0x80, 0x54, // its slot and balance
        0x82, 0x01, 0x90, 0x55, // SSTORE of the sum
        0x5f, 0x52, // memory 0: the amount
        0x60, 0x04, 0x35, 0x33, 0x7f, // topics: receiver, caller, event
    ];
    code.extend_from_slice(event.as_slice());
    code.extend_from_slice(&[0x60, 0x20, 0x5f, 0xa3, 0x60, 0x01, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]);
    code.into()
}
