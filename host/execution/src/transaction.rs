//! A signed transaction in revm's words.

use alloy_consensus::{Transaction, TxEnvelope, Typed2718, crypto::SECP256K1N_HALF, transaction::SignerRecoverable};
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::Address;
use caldera_ecrecover::{Signed, signers};
use caldera_types::{Author, SYSTEM_ADDRESS, is_system_transaction};
use revm::{
    context::TxEnv,
    context_interface::{cfg::gas::calculate_initial_tx_gas, either::Either},
};

use crate::{error::TxRefusal, evm::SPEC};

/// The transaction types that a block of ours can hold: legacy, EIP-2930, EIP-1559 and EIP-7702.
pub(crate) fn check_kind(tx: &TxEnvelope) -> Result<(), TxRefusal> {
    if tx.is_eip4844() {
        return Err(TxRefusal::Invalid("blob transactions (EIP-4844) are not accepted: a rollup has no blobs".into()));
    }
    if is_system_transaction(tx) {
        return Err(TxRefusal::Invalid("only the chain itself makes system transactions".into()));
    }
    Ok(())
}

/// Who sends a transaction. Whether this chain lets anybody act in another's name is the executor's question.
pub fn sender_of(tx: &TxEnvelope) -> Result<Address, TxRefusal> {
    match Author::of(tx) {
        Author::Signer => tx.recover_signer().map_err(|_| not_signed()),
        Author::Impersonator(sender) => Ok(sender),
        Author::Chain | Author::Editor => Ok(SYSTEM_ADDRESS),
    }
}

/// The same for each of many: on some processors several signatures are recovered in the time of two.
pub fn senders_of<'a>(transactions: impl IntoIterator<Item = &'a TxEnvelope>) -> Vec<Result<Address, TxRefusal>> {
    let mut to_recover = Vec::new();
    let mut without_recovery = |tx: &'a TxEnvelope| match Author::of(tx) {
        Author::Signer => {
            to_recover.push(tx);
            None
        }
        Author::Impersonator(sender) => Some(sender),
        Author::Chain | Author::Editor => Some(SYSTEM_ADDRESS),
    };
    let known: Vec<_> = transactions.into_iter().map(&mut without_recovery).collect();
    let mut signers = signers_of(&to_recover, Twins::Refused).into_iter();
    known.into_iter().map(|known| known.or_else(|| signers.next().flatten()).ok_or_else(not_signed)).collect()
}

/// Whether a signature's twin, (r, order - s), counts as well: until Homestead it did (EIP-2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twins {
    Refused,
    Count,
}

/// Whose signature each has; nobody's if it is not valid.
pub(crate) fn signers_of(transactions: &[&TxEnvelope], twins: Twins) -> Vec<Option<Address>> {
    let counts = |tx: &TxEnvelope| twins == Twins::Count || tx.signature().s() <= SECP256K1N_HALF;
    let signed = |tx: &&TxEnvelope| {
        let signature = tx.signature();
        Signed { digest: tx.signature_hash(), r: signature.r(), s: signature.s(), odd: signature.v() }
    };
    let signed: Vec<_> = transactions.iter().map(signed).collect();
    transactions.iter().zip(signers(&signed)).map(|(tx, signer)| signer.filter(|_| counts(tx))).collect()
}

fn not_signed() -> TxRefusal {
    TxRefusal::Invalid("its signature is not valid".into())
}

/// Gas that a transaction has to ask for at least: its own (Yellow Paper, 6.2; EIP-2930, 3860, 7702), or the floor that its data sets
/// (EIP-7623). With less no block takes it.
pub fn least_gas(tx: &TxEnvelope) -> u64 {
    let (addresses, keys) = tx
        .access_list()
        .map_or((0, 0), |list| (list.len() as u64, list.iter().map(|item| item.storage_keys.len() as u64).sum()));
    let authorizations = tx.authorization_list().map_or(0, <[SignedAuthorization]>::len) as u64;
    let gas = calculate_initial_tx_gas(SPEC, tx.input(), tx.is_create(), addresses, keys, authorizations, None);
    gas.initial_regular_gas.max(gas.floor_gas)
}

/// What revm runs.
pub(crate) fn env(tx: &TxEnvelope, sender: Address) -> TxEnv {
    let authorizations: &[SignedAuthorization] = tx.authorization_list().unwrap_or_default();
    TxEnv {
        tx_type: tx.ty(),
        caller: sender,
        gas_limit: tx.gas_limit(),
        gas_price: tx.max_fee_per_gas(),
        gas_priority_fee: tx.max_priority_fee_per_gas(),
        kind: tx.kind(),
        value: tx.value(),
        data: tx.input().clone(),
        nonce: tx.nonce(),
        chain_id: tx.chain_id(),
        access_list: tx.access_list().cloned().unwrap_or_default(),
        blob_hashes: tx.blob_versioned_hashes().unwrap_or_default().to_vec(),
        max_fee_per_blob_gas: tx.max_fee_per_blob_gas().unwrap_or_default(),
        authorization_list: authorizations.iter().cloned().map(Either::Left).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{SignableTransaction, TxEip1559, TxLegacy};
    use alloy_primitives::{Signature, U256, uint};
    use alloy_signer::SignerSync;
    use alloy_signer_local::PrivateKeySigner;
    use caldera_types::impersonation;

    const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);

    fn signed<T: SignableTransaction<Signature>>(tx: T, key: u8, by: impl Fn(Signature) -> Signature) -> TxEnvelope
    where
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let key = PrivateKeySigner::from_bytes(&[key; 32].into()).unwrap();
        let signature = by(key.sign_hash_sync(&tx.signature_hash()).unwrap());
        tx.into_signed(signature).into()
    }

    #[test]
    fn together_they_are_who_they_are_alone() {
        let own = |signature| signature;
        let mut all: Vec<_> =
            (1..20).map(|key| signed(TxEip1559 { nonce: key.into(), ..Default::default() }, key, own)).collect();
        all.push(signed(TxLegacy { chain_id: Some(7), ..Default::default() }, 20, own));
        all.push(signed(TxLegacy::default(), 21, own));
        // The twin, which EIP-2 refuses, and numbers that are no signature.
        let twin = |signature: Signature| Signature::new(signature.r(), ORDER - signature.s(), !signature.v());
        all.push(signed(TxEip1559::default(), 22, twin));
        all.push(signed(TxEip1559::default(), 23, |signature| Signature::new(U256::ZERO, signature.s(), false)));
        all.push(signed(TxEip1559::default(), 24, |signature| Signature::new(signature.r(), U256::ZERO, false)));
        all.push(signed(TxEip1559::default(), 25, |_| Signature::new(U256::MAX, U256::from(1), false)));
        all.extend((1..20).map(|key| signed(TxEip1559 { nonce: key.into(), ..Default::default() }, key + 100, own)));
        let alone = |tx: &TxEnvelope| tx.recover_signer_unchecked().ok();
        let as_before_homestead = signers_of(&all.iter().collect::<Vec<_>>(), Twins::Count);
        assert_eq!(as_before_homestead, all.iter().map(alone).collect::<Vec<_>>());
        assert_eq!(as_before_homestead.iter().filter(|signer| signer.is_none()).count(), 3);
        let who = Address::repeat_byte(7);
        all.push(signed(TxEip1559::default(), 26, |_| impersonation(who)));
        let together = senders_of(&all);
        assert!(matches!(together.last(), Some(Ok(sender)) if *sender == who));
        assert_eq!(together.iter().filter(|sender| sender.is_err()).count(), 4);
        for (tx, sender) in all.iter().zip(together) {
            assert_eq!(sender.ok(), sender_of(tx).ok());
        }
    }
}
