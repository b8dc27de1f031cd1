//! `caldera:verify/bls`: signatures of committees. Pure: the port is not asked.

use caldera_bls::{Domain, PublicKey, Signature, fast_aggregate_verify};
use caldera_types::{
    Fault,
    metering::{BLS_BYTE_FUEL, BLS_GAS, BLS_KEY_GAS, fuel_of},
};
use wasmtime::{
    Result, StoreContextMut,
    component::{LinkerInstance, WasmList},
};

use crate::{bindings::caldera::verify::bls as wit, border::Border, fault::Stop, guest::Guest};

/// Offers the interface.
pub(crate) fn link(instance: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    instance.func_wrap("verify", |store, (kind, key, message, signature): (wit::Domain, _, _, _)| {
        Ok((verify(store, kind.into(), Keys::One(key), Some(message), signature)?,))
    })?;
    instance.func_wrap(
        "fast-aggregate-verify",
        |store, (kind, keys, message, signature): (wit::Domain, _, _, _)| {
            Ok((verify(store, kind.into(), Keys::Many(keys), Some(message), signature)?,))
        },
    )?;
    instance.func_wrap("verify-possession", |store, (key, proof)| {
        Ok((verify(store, Domain::Possession, Keys::One(key), None, proof)?,))
    })
}

/// Public keys, one after another.
enum Keys {
    One(WasmList<u8>),
    Many(WasmList<u8>),
}

/// Whether all keys signed the message; without one, whether the keys signed themselves.
fn verify(
    store: StoreContextMut<'_, Guest>,
    domain: Domain,
    keys: Keys,
    message: Option<WasmList<u8>>,
    signature: WasmList<u8>,
) -> Result<bool> {
    let (keys, is_one) = match keys {
        Keys::One(keys) => (keys, true),
        Keys::Many(keys) => (keys, false),
    };
    let message_bytes = message.as_ref().map_or(0, |message| message.len());
    let bytes = keys.len().saturating_add(message_bytes).saturating_add(signature.len());
    let mut border = Border::enter(store, bytes)?;
    let signature = border.exactly::<{ Signature::BYTES }>(&signature)?;
    if !keys.len().is_multiple_of(PublicKey::BYTES) || (is_one && keys.len() != PublicKey::BYTES) {
        return Err(Stop::Fault(Fault::BadLength).into());
    }
    let count = (keys.len() / PublicKey::BYTES) as u64;
    // Taken before anything is read: what does not hold costs what holds.
    border.charge(fuel_of(BLS_GAS.saturating_add(BLS_KEY_GAS.saturating_mul(count))))?;
    border.charge(BLS_BYTE_FUEL.saturating_mul(message_bytes as u64))?;
    let keys = border.bytes(&keys, usize::MAX, Fault::BadLength)?;
    let message = match &message {
        Some(message) => border.bytes(message, usize::MAX, Fault::BadLength)?,
        None => keys,
    };
    let holds = holds(domain, keys, message, &signature);
    border.leave(0, 0)?;
    Ok(holds)
}

/// What is no point of the right subgroup does not hold.
fn holds(domain: Domain, keys: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = Signature::from_bytes(signature) else { return false };
    let keys: Result<Vec<_>, _> = keys.chunks_exact(PublicKey::BYTES).map(PublicKey::from_bytes).collect();
    keys.is_ok_and(|keys| fast_aggregate_verify(domain, &keys, message, &signature))
}

impl From<wit::Domain> for Domain {
    fn from(domain: wit::Domain) -> Self {
        match domain {
            wit::Domain::Possession => Self::Possession,
            wit::Domain::Certificate => Self::Certificate,
            wit::Domain::Handover => Self::Handover,
        }
    }
}
