//! Accounts, code and storage after any block, with their proofs.

use std::collections::BTreeMap;

use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U64, U256};
use alloy_rpc_types_eth::{EIP1186AccountProofResponse, EIP1186StorageProof};
use caldera_state::StateView;
use jsonrpsee_core::RegisterMethodError;

use crate::{
    args::Args,
    context::ChainApi,
    errors::{Reply, RpcError},
    methods::{
        Param,
        param::{ADDRESS, BLOCK},
    },
    module::Module,
    slot::Slot,
};

const SLOT: Param = Param::new("slot", "Slot");
const SLOTS: Param = Param::new("slots", "Slots");
const REQUESTS: Param = Param::new("slots by address", "SlotsByAddress");

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    module.reading("eth_getBalance", "Wei of an account.", &[ADDRESS, BLOCK], "Quantity", balance)?;
    let about = "Next nonce of an account; at `pending`, the pool's transactions are counted.";
    module.reading("eth_getTransactionCount", about, &[ADDRESS, BLOCK], "Quantity", nonce)?;
    module.reading("eth_getCode", "Code of an account.", &[ADDRESS, BLOCK], "Bytes", code)?;
    module.reading("eth_getStorageAt", "One slot of an account.", &[ADDRESS, SLOT, BLOCK], "Hash", storage)?;
    let about = "Many slots of many accounts, in the order in which they were asked.";
    module.blocking("eth_getStorageValues", about, &[REQUESTS, BLOCK], "WordsByAddress", storage_values)?;
    let about = "An account and some of its slots with their proofs (EIP-1186), at any block.";
    module.blocking("eth_getProof", about, &[ADDRESS, SLOTS, BLOCK], "AccountProof", proof)
}

fn balance(api: &ChainApi, args: &mut Args<'_>) -> Reply<U256> {
    let address = args.next()?;
    let view = api.view(args.next()?)?;
    Ok(view.account(address)?.unwrap_or_default().balance)
}

fn nonce(api: &ChainApi, args: &mut Args<'_>) -> Reply<U64> {
    let address = args.next()?;
    let block: Option<BlockId> = args.next()?;
    if block.is_some_and(|block| block.is_pending()) {
        return Ok(U64::from(api.chain.next_nonce(address)?));
    }
    Ok(U64::from(api.view(block)?.account(address)?.unwrap_or_default().nonce))
}

fn code(api: &ChainApi, args: &mut Args<'_>) -> Reply<Bytes> {
    let address = args.next()?;
    let view = api.view(args.next()?)?;
    match view.account(address)? {
        Some(account) if account.code_hash != KECCAK256_EMPTY => Ok(view.code(account.code_hash)?),
        _ => Ok(Bytes::new()),
    }
}

fn storage(api: &ChainApi, args: &mut Args<'_>) -> Reply<B256> {
    let address = args.next()?;
    let slot: Slot = args.next()?;
    let view = api.view(args.next()?)?;
    Ok(view.storage(address, slot.word().into())?.into())
}

fn storage_values(api: &ChainApi, args: &mut Args<'_>) -> Reply<BTreeMap<Address, Vec<B256>>> {
    let requests: BTreeMap<Address, Vec<Slot>> = args.next()?;
    let (slots, most) = (requests.values().map(Vec::len).sum::<usize>(), api.limits.proof_slots);
    if slots == 0 {
        return Err(RpcError::InvalidParams("no slots are asked for".into()));
    }
    if slots > most {
        return Err(RpcError::Limit(format!("{slots} slots, at most {most} in one query")));
    }
    let view = api.view(args.next()?)?;
    let value = |address, slot: &Slot| Ok(view.storage(address, slot.word().into())?.into());
    let values = |(address, slots): (Address, Vec<Slot>)| {
        Ok((address, slots.iter().map(|slot| value(address, slot)).collect::<Reply<_>>()?))
    };
    requests.into_iter().map(values).collect()
}

fn proof(api: &ChainApi, args: &mut Args<'_>) -> Reply<EIP1186AccountProofResponse> {
    let address = args.next()?;
    let keys: Vec<Slot> = args.next()?;
    if keys.len() > api.limits.proof_slots {
        return Err(RpcError::Limit(format!("{} slots, at most {} in one proof", keys.len(), api.limits.proof_slots)));
    }
    let number = api.existing(args.next()?)?;
    let slots: Vec<B256> = keys.iter().map(|key| key.word()).collect();
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
        storage_proof: storage.map(|(key, slot)| EIP1186StorageProof::new(key.0, slot.value, slot.proof)).collect(),
    })
}
