//! Accounts, code and storage after any block, with their proofs.

use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U64, U256};
use alloy_rpc_types_eth::{EIP1186AccountProofResponse, EIP1186StorageProof};
use alloy_serde::JsonStorageKey;
use caldera_state::StateView;
use jsonrpsee_core::RegisterMethodError;

use crate::{
    args::Args,
    context::ChainApi,
    errors::{Reply, RpcError},
    module::Module,
};

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    module.blocking("eth_getBalance", balance)?;
    module.blocking("eth_getTransactionCount", nonce)?;
    module.blocking("eth_getCode", code)?;
    module.blocking("eth_getStorageAt", storage)?;
    module.blocking("eth_getProof", proof)?;
    module.quick("eth_accounts", |_, _| Ok(Vec::<Address>::new()))
}

fn balance(api: &ChainApi, args: &mut Args<'_>) -> Reply<U256> {
    let address = args.next("address")?;
    let view = api.view(args.optional("block")?)?;
    Ok(view.account(address)?.unwrap_or_default().balance)
}

fn nonce(api: &ChainApi, args: &mut Args<'_>) -> Reply<U64> {
    let address = args.next("address")?;
    let block: Option<BlockId> = args.optional("block")?;
    if block.is_some_and(|block| block.is_pending()) {
        return Ok(U64::from(api.chain.next_nonce(address)?));
    }
    Ok(U64::from(api.view(block)?.account(address)?.unwrap_or_default().nonce))
}

fn code(api: &ChainApi, args: &mut Args<'_>) -> Reply<Bytes> {
    let address = args.next("address")?;
    let view = api.view(args.optional("block")?)?;
    match view.account(address)? {
        Some(account) if account.code_hash != KECCAK256_EMPTY => Ok(view.code(account.code_hash)?),
        _ => Ok(Bytes::new()),
    }
}

fn storage(api: &ChainApi, args: &mut Args<'_>) -> Reply<B256> {
    let address = args.next("address")?;
    let slot: JsonStorageKey = args.next("slot")?;
    let view = api.view(args.optional("block")?)?;
    Ok(view.storage(address, slot.as_b256().into())?.into())
}

fn proof(api: &ChainApi, args: &mut Args<'_>) -> Reply<EIP1186AccountProofResponse> {
    let address = args.next("address")?;
    let keys: Vec<JsonStorageKey> = args.next("slots")?;
    if keys.len() > api.limits.proof_slots {
        return Err(RpcError::Limit(format!("{} slots, at most {} in one proof", keys.len(), api.limits.proof_slots)));
    }
    let number = api.existing(args.optional("block")?)?;
    let slots: Vec<B256> = keys.iter().map(JsonStorageKey::as_b256).collect();
    let proof = api.chain.proof(number, address, &slots)?;
    let account = proof.account.unwrap_or_default();
    // A key comes back in the form in which it was given.
    let storage = keys.into_iter().zip(proof.storage);
    Ok(EIP1186AccountProofResponse {
        address,
        balance: account.balance,
        code_hash: account.code_hash,
        nonce: account.nonce,
        storage_hash: proof.storage_root,
        account_proof: proof.proof,
        storage_proof: storage.map(|(key, slot)| EIP1186StorageProof::new(key, slot.value, slot.proof)).collect(),
    })
}
