//! What goes to a chain and what comes back: commands, receipts, events.

use alloy_primitives::Log;
use alloy_sol_types::SolEvent;
use caldera_chain::ExecutedBlock;
use caldera_execution::registry::abi::IEngineRegistry as abi;
use caldera_types::{Component, EngineLimits, Grants, TxReceipt, is_system_transaction};

/// The command that stages a component.
pub fn stage_call(component: &Component, grants: Grants, limits: EngineLimits) -> abi::stageCall {
    let size = u32::try_from(component.bytes().len()).unwrap();
    abi::stageCall { digest: component.digest().0, size, grants: grants.bits(), limits: limits.into() }
}

/// Receipts of what users sent.
pub fn user_receipts(block: &ExecutedBlock) -> Vec<TxReceipt> {
    let all = block.block.transactions.iter().zip(&block.receipts);
    all.filter(|(tx, _)| !is_system_transaction(tx)).map(|(_, receipt)| receipt.clone()).collect()
}

/// What the chain itself told in a block, of one kind.
pub fn told<E: SolEvent>(block: &ExecutedBlock) -> Vec<E> {
    let logs = block.receipts.iter().flat_map(TxReceipt::logs);
    logs.filter_map(|log: &Log| E::decode_log(log).ok()).map(|log| log.data).collect()
}
