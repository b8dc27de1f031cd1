//! Calls that a block makes of itself: EIP-4788 and EIP-2935 before its transactions, EIP-7002 and EIP-7251 after them.

use alloy_eips::{eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS};
use alloy_primitives::{Address, Bytes};
use caldera_types::{EthereumEnv, Fork, SYSTEM_ADDRESS};
use revm::{
    context::{TxEnv, result::ExecutionResult},
    context_interface::{ContextTr, JournalTr},
    handler::{Handler, SystemCallTx},
};

use crate::{
    error::ExecutionError,
    evm::{self, Ctx, EvmHandler},
};

/// Gas of such a call.
const GAS: u64 = 30_000_000;

/// What comes before the first transaction. Where there is no contract nothing happens.
pub(crate) fn begin(ctx: &mut Ctx<'_>, env: &EthereumEnv, number: u64) -> Result<(), ExecutionError> {
    if number == 0 {
        return Ok(());
    }
    if let Some(root) = env.parent_beacon_root {
        call(ctx, BEACON_ROOTS_ADDRESS, root.0.into())?;
    }
    if env.fork >= Fork::Prague {
        call(ctx, HISTORY_STORAGE_ADDRESS, env.parent_hash.0.into())?;
    }
    Ok(())
}

/// Calls a system contract and keeps what it changed. Its result is for the caller to judge.
pub(super) fn call(ctx: &mut Ctx<'_>, to: Address, data: Bytes) -> Result<ExecutionResult, ExecutionError> {
    ctx.chain.begin_transaction();
    ctx.tx = TxEnv::new_system_tx_with_caller(SYSTEM_ADDRESS, to, data);
    ctx.tx.gas_limit = GAS;
    let result = EvmHandler::default().run_system_call(&mut evm::borrow(ctx));
    let result =
        result.map_err(|error| ctx.chain.take_failure().unwrap_or_else(|| ExecutionError::Evm(error.to_string())))?;
    let changes = ctx.journal_mut().finalize();
    ctx.journal_mut().db_mut().fold(changes);
    Ok(result)
}
