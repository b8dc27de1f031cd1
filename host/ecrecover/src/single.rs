//! One recovery.

use alloy_primitives::{Address, keccak256};
use secp256k1::{
    Message, SECP256K1,
    ecdsa::{RecoverableSignature, RecoveryId},
};

use crate::Signed;

/// Who signed; nobody if the signature is not one.
pub(crate) fn signer(signed: &Signed) -> Option<Address> {
    let mut compact = [0; 64];
    compact[..32].copy_from_slice(&signed.r.to_be_bytes::<32>());
    compact[32..].copy_from_slice(&signed.s.to_be_bytes::<32>());
    let id = if signed.odd { RecoveryId::One } else { RecoveryId::Zero };
    let signature = RecoverableSignature::from_compact(&compact, id).ok()?;
    let key = SECP256K1.recover_ecdsa(Message::from_digest(signed.digest.0), &signature).ok()?;
    Some(Address::from_slice(&keccak256(&key.serialize_uncompressed()[1..])[12..]))
}
