//! `caldera:engine/crypto`: hashes and signatures. Pure: the port is not asked.

use alloy_primitives::{B256, keccak256};
use caldera_types::metering::{ED25519_BYTE_FUEL, ED25519_GAS, KECCAK_GAS, KECCAK_WORD_GAS, RECOVER_GAS, fuel_of};
use secp256k1::{
    Message, SECP256K1,
    ecdsa::{RecoverableSignature, RecoveryId},
};
use wasmtime::{
    Result, StoreContextMut,
    component::{LinkerInstance, WasmList},
};

use crate::{
    bindings::caldera::engine::types::{Address, Word},
    border::Border,
    guest::Guest,
};

/// Offers the interface.
pub(crate) fn link(instance: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    instance.func_wrap("keccak256", |store, (data,)| Ok((keccak(store, data)?,)))?;
    instance.func_wrap("recover-secp256k1", |store, (digest, signature)| Ok((recover(store, digest, signature)?,)))?;
    instance
        .func_wrap("verify-ed25519", |store, (key, message, signature)| Ok((verify(store, key, message, signature)?,)))
}

fn keccak(store: StoreContextMut<'_, Guest>, data: WasmList<u8>) -> Result<Word> {
    let mut border = Border::enter(store, data.len())?;
    let words = data.len().div_ceil(32) as u64;
    border.charge(fuel_of(KECCAK_GAS + KECCAK_WORD_GAS * words))?;
    let hash = keccak256(border.bytes(&data, usize::MAX, caldera_types::Fault::BadLength)?);
    border.leave(0, 0)?;
    Ok(hash.into())
}

fn recover(store: StoreContextMut<'_, Guest>, digest: Word, signature: WasmList<u8>) -> Result<Option<Address>> {
    let mut border = Border::enter(store, signature.len())?;
    let signature = border.exactly::<65>(&signature)?;
    border.charge(fuel_of(RECOVER_GAS))?;
    let signer = recover_signer(digest.into(), &signature);
    border.leave(0, 0)?;
    Ok(signer.map(Address::from))
}

/// The signer, unless the signature is not valid or has its `s` in the upper half of the order (EIP-2).
fn recover_signer(digest: B256, signature: &[u8; 65]) -> Option<alloy_primitives::Address> {
    let (rs, v) = (&signature[..64], signature[64]);
    let id = RecoveryId::try_from(i32::from(match v {
        27 | 28 => v - 27,
        _ => v,
    }))
    .ok()
    .filter(|id| i32::from(*id) < 2)?;
    let signature = RecoverableSignature::from_compact(rs, id).ok()?;
    let standard = signature.to_standard();
    let mut low = standard;
    low.normalize_s();
    if low != standard {
        return None;
    }
    let key = SECP256K1.recover_ecdsa(Message::from_digest(digest.0), &signature).ok()?;
    Some(alloy_primitives::Address::from_raw_public_key(&key.serialize_uncompressed()[1..]))
}

fn verify(
    store: StoreContextMut<'_, Guest>,
    key: Word,
    message: WasmList<u8>,
    signature: WasmList<u8>,
) -> Result<bool> {
    let mut border = Border::enter(store, message.len())?;
    let (key, signature) = (B256::from(key), border.exactly::<64>(&signature)?);
    border.charge(fuel_of(ED25519_GAS).saturating_add(ED25519_BYTE_FUEL.saturating_mul(message.len() as u64)))?;
    let message = border.bytes(&message, usize::MAX, caldera_types::Fault::BadLength)?;
    let holds = ed25519_dalek::VerifyingKey::from_bytes(&key.0)
        .is_ok_and(|key| key.verify_strict(message, &signature.into()).is_ok());
    border.leave(0, 0)?;
    Ok(holds)
}
