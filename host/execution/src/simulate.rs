//! Running a call that never becomes part of a block: `eth_call` and the estimate.

use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Address, Bytes, Log, TxKind, U256};
use caldera_types::{BlockEnv, Fault};
use revm::{
    context::{
        TxEnv,
        result::{ExecutionResult, Output},
    },
    context_interface::{ContextTr, JournalTr},
};

use crate::{
    Ground,
    block_engines::BlockEngines,
    error::{ExecutionError, TxError},
    evm::{self, Ctx, TransactError},
    view_db::ViewDb,
};

/// A call as a client asks for it.
#[derive(Clone, Debug, Default)]
pub struct SimulationRequest {
    /// Who calls. Needs no key, no nonce and, at gas price zero, no balance for gas.
    pub from: Address,
    /// What is called, or created.
    pub to: TxKind,
    /// Most gas to use.
    pub gas: u64,
    /// Wei per gas.
    pub gas_price: u128,
    /// Wei sent along.
    pub value: U256,
    /// Calldata or init code.
    pub input: Bytes,
    /// EIP-2930.
    pub access_list: AccessList,
}

/// How a simulated call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimulationResult {
    /// It returned this data, or created this code.
    Return(Bytes),
    /// It reverted with this data.
    Revert(Bytes),
    /// It halted for this reason; `fault` names an engine's.
    Halt {
        /// revm's reason.
        reason: String,
        /// The engine's fault, if one caused it.
        fault: Option<Fault>,
    },
}

/// A simulated call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulation {
    /// How it ended.
    pub result: SimulationResult,
    /// Gas used, refunds taken off.
    pub gas_used: u64,
    /// Logs that it would have left.
    pub logs: Vec<Log>,
}

/// Runs a call on a state, as if in block `env`.
pub fn simulate(ground: Ground<'_>, env: &BlockEnv, request: &SimulationRequest) -> Result<Simulation, TxError> {
    let mut ctx = evm::context(env, ViewDb::new(ground.view), BlockEngines::load(ground)?);
    relax(&mut ctx);
    let sender = ctx.journal_mut().load_account(request.from).map_err(|e| ExecutionError::Evm(e.to_string()))?;
    let nonce = sender.data.info.nonce;
    let tx = TxEnv {
        // EIP-2930, so that the access list counts.
        tx_type: 1,
        caller: request.from,
        gas_limit: request.gas,
        gas_price: request.gas_price,
        kind: request.to,
        value: request.value,
        data: request.input.clone(),
        nonce,
        chain_id: Some(env.chain_id),
        access_list: request.access_list.clone(),
        ..Default::default()
    };
    let result = evm::transact(&mut ctx, tx).map_err(|error| match error {
        TransactError::Refused(refusal) => TxError::Refused(refusal),
        TransactError::Node(error) => TxError::Node(error),
    })?;
    let gas_used = result.tx_gas_used();
    let fault = ctx.chain.fault();
    Ok(match result {
        ExecutionResult::Success { output, logs, .. } => {
            let output = match output {
                Output::Call(data) | Output::Create(data, _) => data,
            };
            Simulation { result: SimulationResult::Return(output), gas_used, logs }
        }
        ExecutionResult::Revert { output, .. } => {
            Simulation { result: SimulationResult::Revert(output), gas_used, logs: Vec::new() }
        }
        ExecutionResult::Halt { reason, .. } => {
            let result = SimulationResult::Halt { reason: format!("{reason:?}"), fault };
            Simulation { result, gas_used, logs: Vec::new() }
        }
    })
}

/// What holds for a transaction but not for a question.
fn relax(ctx: &mut Ctx<'_>) {
    ctx.cfg.disable_nonce_check = true;
    ctx.cfg.disable_balance_check = true;
    ctx.cfg.disable_block_gas_limit = true;
    ctx.cfg.disable_eip3607 = true;
    ctx.cfg.disable_base_fee = true;
    ctx.cfg.tx_gas_limit_cap = Some(u64::MAX);
}
