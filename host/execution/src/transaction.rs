//! A signed transaction in revm's words.

use alloy_consensus::{Transaction, TxEnvelope, Typed2718, transaction::SignerRecoverable};
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::Address;
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
        Author::Signer => tx.recover_signer().map_err(|_| TxRefusal::Invalid("its signature is not valid".into())),
        Author::Impersonator(sender) => Ok(sender),
        Author::Chain | Author::Editor => Ok(SYSTEM_ADDRESS),
    }
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
        authorization_list: authorizations.iter().cloned().map(Either::Left).collect(),
        ..Default::default()
    }
}
