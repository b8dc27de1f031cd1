//! Transactions that nobody signed: what the chain itself does, and what a development chain is told to do.
//!
//! Each is a transaction like any other in its block, so that the header commits to it, every client can show it, and who
//! replays the block does the same again. What sets it apart is its signature, which no key can produce: `s` is zero, and
//! `r` says what it is.
//!
//! | `r` | what it is | who may |
//! |---|---|---|
//! | 0 | the chain's own act ([`system_transaction`]) | the chain |
//! | 2¹⁶⁰ + address | a transaction in the name of that address ([`impersonation`]) | development chains |
//! | 2¹⁶¹ | a change of the state by hand ([`edit_transaction`]) | development chains |

use alloy_consensus::{SignableTransaction, Transaction, TxEnvelope, TxLegacy};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, address};

/// Who acts in a system transaction (the system address of EIP-4788).
pub const SYSTEM_ADDRESS: Address = address!("fffffffffffffffffffffffffffffffffffffffe");

/// Where changes by hand are sent to. Nothing is there.
pub const EDIT_ADDRESS: Address = address!("fffffffffffffffffffffffffffffffffffffffd");

/// Above the bits of an address.
const IMPERSONATED: U256 = U256::from_limbs([0, 0, 1 << 32, 0]);
const EDIT: U256 = U256::from_limbs([0, 0, 1 << 33, 0]);

/// Who is behind a transaction, as its signature says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// Who signed it: to be recovered, which may fail.
    Signer,
    /// The chain itself.
    Chain,
    /// Whoever runs a development chain, in the name of this address.
    Impersonator(Address),
    /// Whoever runs a development chain, changing its state.
    Editor,
}

impl Author {
    /// Who is behind a transaction.
    pub fn of(tx: &TxEnvelope) -> Self {
        let signature = tx.signature();
        if !signature.s().is_zero() {
            return Self::Signer;
        }
        let (r, free) = (signature.r(), tx.is_legacy() && tx.gas_price() == Some(0));
        if r.is_zero() && free {
            Self::Chain
        } else if r == EDIT && free {
            Self::Editor
        } else if r >> 160 == U256::ONE {
            Self::Impersonator(Address::from_word(r.into()))
        } else {
            Self::Signer
        }
    }
}

/// The transaction by which the chain itself acts: it activates engines and runs their block hooks.
///
/// It is an ordinary legacy transaction, so that every client can show it and find its logs, but nobody can sign it:
/// its signature is zero, which no key produces, and it pays nothing. `nonce` is the height, so its hash is unique
/// per block and `input`. A block carries one only if it did something.
pub fn system_transaction(chain_id: u64, number: u64, gas_limit: u64, to: Address, input: Bytes) -> TxEnvelope {
    unsigned(chain_id, number, gas_limit, to, input, U256::ZERO)
}

/// The transaction by which the state of a development chain is changed by hand. `nonce` is the height, which has one of
/// them at most, so its hash is unique.
pub fn edit_transaction(chain_id: u64, number: u64, input: Bytes) -> TxEnvelope {
    unsigned(chain_id, number, 0, EDIT_ADDRESS, input, EDIT)
}

/// What stands in place of a signature when a development chain runs a transaction in somebody's name.
pub fn impersonation(sender: Address) -> Signature {
    Signature::new(IMPERSONATED | U256::from_be_bytes(sender.into_word().0), U256::ZERO, false)
}

/// Whether this is the chain's own transaction: see [`system_transaction`].
pub fn is_system_transaction(tx: &TxEnvelope) -> bool {
    Author::of(tx) == Author::Chain
}

fn unsigned(chain_id: u64, nonce: u64, gas_limit: u64, to: Address, input: Bytes, r: U256) -> TxEnvelope {
    let to = TxKind::Call(to);
    let tx = TxLegacy { chain_id: Some(chain_id), nonce, gas_price: 0, gas_limit, to, value: U256::ZERO, input };
    tx.into_signed(Signature::new(r, U256::ZERO, false)).into()
}

#[cfg(test)]
mod tests {
    use alloy_consensus::{TxEip1559, transaction::SignerRecoverable};
    use alloy_eips::eip2718::{Decodable2718, Encodable2718};

    use super::*;

    fn check(tx: TxEnvelope, author: Author) {
        let back = TxEnvelope::decode_2718_exact(&tx.encoded_2718()).unwrap();
        assert_eq!((Author::of(&tx), Author::of(&back)), (author, author));
        assert_eq!(back.tx_hash(), tx.tx_hash());
        assert!(tx.recover_signer().is_err(), "no key signs like that");
    }

    #[test]
    fn each_is_known_by_its_signature() {
        check(system_transaction(1, 7, 9, Address::ZERO, Bytes::new()), Author::Chain);
        check(edit_transaction(1, 7, Bytes::from_static(b"x")), Author::Editor);
        for sender in [Address::ZERO, Address::repeat_byte(0xff), Address::with_last_byte(1)] {
            let (dynamic, legacy) = (TxEip1559::default(), TxLegacy { chain_id: Some(1), ..Default::default() });
            check(dynamic.into_signed(impersonation(sender)).into(), Author::Impersonator(sender));
            check(legacy.into_signed(impersonation(sender)).into(), Author::Impersonator(sender));
        }
    }

    #[test]
    fn a_signature_is_not_taken_for_anything_else() {
        let signature = Signature::new(IMPERSONATED, U256::ONE, false);
        assert_eq!(Author::of(&TxEip1559::default().into_signed(signature).into()), Author::Signer);
        let paid = TxLegacy { gas_price: 1, ..Default::default() };
        let signature = Signature::new(U256::ZERO, U256::ZERO, false);
        assert_eq!(Author::of(&paid.into_signed(signature).into()), Author::Signer);
    }
}
