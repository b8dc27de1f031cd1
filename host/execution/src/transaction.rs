//! A signed transaction in revm's words.

use alloy_consensus::{Transaction, TxEnvelope, Typed2718, crypto::SECP256K1N_HALF, transaction::SignerRecoverable};
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::Address;
use caldera_ecrecover::{Signed, signers};
use caldera_types::{Author, SYSTEM_ADDRESS, is_system_transaction};
use revm::{context::TxEnv, context_interface::either::Either};

use crate::error::TxRefusal;

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
    let mut signed = Vec::new();
    let mut without_recovery = |tx: &TxEnvelope| match Author::of(tx) {
        Author::Signer => {
            let signature = tx.signature();
            // Of a signature and its twin, only the one counts (EIP-2).
            if signature.s() > SECP256K1N_HALF {
                return Some(Err(not_signed()));
            }
            let (digest, odd) = (tx.signature_hash(), signature.v());
            signed.push(Signed { digest, r: signature.r(), s: signature.s(), odd });
            None
        }
        Author::Impersonator(sender) => Some(Ok(sender)),
        Author::Chain | Author::Editor => Some(Ok(SYSTEM_ADDRESS)),
    };
    let known: Vec<_> = transactions.into_iter().map(&mut without_recovery).collect();
    let mut signers = signers(&signed).into_iter();
    known.into_iter().map(|known| known.unwrap_or_else(|| signers.next().flatten().ok_or_else(not_signed))).collect()
}

fn not_signed() -> TxRefusal {
    TxRefusal::Invalid("its signature is not valid".into())
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
