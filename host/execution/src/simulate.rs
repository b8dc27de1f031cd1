//! Running a call that never becomes part of a block: `eth_call` and what is built on it.

use std::collections::BTreeMap;

use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, Bytes, Log, TxKind, U256};
use caldera_state::StateDiff;
use caldera_types::{BlockEnv, Fault, limits::TX_GAS};
use revm::{
    context::{
        TxEnv,
        result::{ExecutionResult, HaltReason, Output},
    },
    context_interface::either::Either,
    primitives::hardfork::SpecId,
};

use crate::{
    Ground,
    block_engines::BlockEngines,
    call_error::CallError,
    error::ExecutionError,
    evm::{self, Ctx},
    overrides::{self, Overrides},
    view_db::ViewDb,
};

/// A call as a client asks for it.
#[derive(Clone, Debug, Default)]
pub struct SimulationRequest {
    /// Who calls. Needs no key.
    pub from: Address,
    /// Whether the caller must hold the value, and gas if it has a price. Who names no sender is not asked for wei.
    pub checks_funds: bool,
    /// What is called, or created.
    pub to: TxKind,
    /// The sender's nonce. None: the one in the state.
    pub nonce: Option<u64>,
    /// Most gas to use. None: what one transaction may have.
    pub gas: Option<u64>,
    /// Most wei per gas; with a priority fee, EIP-1559's fee cap.
    pub gas_price: u128,
    /// EIP-1559. None: the gas price is what is paid.
    pub priority_fee: Option<u128>,
    /// Wei sent along.
    pub value: U256,
    /// Calldata or init code.
    pub input: Bytes,
    /// EIP-2930.
    pub access_list: AccessList,
    /// EIP-7702: if there are any, it is such a transaction.
    pub authorizations: Vec<SignedAuthorization>,
    /// What is changed first.
    pub overrides: Overrides,
}

impl SimulationRequest {
    /// Most gas to use.
    pub fn gas_limit(&self) -> u64 {
        self.gas.unwrap_or(TX_GAS)
    }
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
        /// In geth's words where it has some.
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
    /// Gas that had to be there: refunds come after.
    pub max_gas_used: u64,
    /// Logs that it would have left.
    pub logs: Vec<Log>,
}

/// Runs a call on a state, as if in block `env`.
pub fn simulate(ground: Ground<'_>, env: &BlockEnv, request: &SimulationRequest) -> Result<Simulation, CallError> {
    let mut ctx = question(ground, env, request)?;
    run(&mut ctx, request)
}

/// Runs a call in a context that was set up for it.
pub(crate) fn run(ctx: &mut Ctx<'_>, request: &SimulationRequest) -> Result<Simulation, CallError> {
    let tx = tx_env(ctx, request)?;
    let result = evm::transact(ctx, tx)?;
    Ok(simulation(ctx, result))
}

/// A context in which a call runs as if in block `env`, with what it changes first.
///
/// A call without a price sees a base fee of zero, whatever the block's is, as in geth: contracts count on a price that is
/// no less. One that offers less than the block's runs all the same: blocks come fast, and whoever asked for a price just before
/// would be refused an estimate.
pub(crate) fn question<'a>(
    ground: Ground<'a>,
    env: &BlockEnv,
    request: &SimulationRequest,
) -> Result<Ctx<'a>, CallError> {
    let changes = &request.overrides;
    let mut env = overrides::block_env(*env, &changes.block)?;
    if request.gas_price == 0 {
        env.base_fee = 0;
    }
    let hashes: BTreeMap<_, _> = changes.block.block_hash.clone().unwrap_or_default();
    let mut db = ViewDb::asked(ground.view, StateDiff::default(), hashes);
    let mut engines = BlockEngines::load(ground, &env.rules)?;
    overrides::apply(&changes.state, &mut db, &mut engines)?;
    let mut ctx = evm::context(&env, db, engines);
    overrides::blob_fee(&mut ctx, &changes.block)?;
    relax(&mut ctx);
    Ok(ctx)
}

/// The call in revm's words.
pub(crate) fn tx_env(ctx: &Ctx<'_>, request: &SimulationRequest) -> Result<TxEnv, CallError> {
    let sender = ctx.journaled_state.database.account(request.from).map_err(ExecutionError::from)?;
    let sender = sender.unwrap_or_default();
    if request.checks_funds {
        let fee = U256::from(request.gas_limit()) * U256::from(request.gas_price);
        let needs = fee.saturating_add(request.value);
        if sender.balance < needs {
            return Err(CallError::Funds { address: request.from, balance: sender.balance, needs });
        }
    }
    let tx_type = match (request.authorizations.is_empty(), request.priority_fee) {
        (false, _) => 4,
        (true, Some(_)) => 2,
        // EIP-2930, so that the access list counts, where the block's fork has it.
        (true, None) => u8::from(ctx.cfg.spec.is_enabled_in(SpecId::BERLIN)),
    };
    let nonce = nonce(ctx, request)?;
    // EIP-2681's last nonce is refused by revm even where nonces are not checked; nothing but the check looks at it.
    let nonce = if ctx.cfg.disable_nonce_check { nonce.min(u64::MAX - 1) } else { nonce };
    Ok(TxEnv {
        tx_type,
        caller: request.from,
        gas_limit: request.gas_limit(),
        gas_price: request.gas_price,
        gas_priority_fee: request.priority_fee.or((tx_type == 4).then_some(0)),
        kind: request.to,
        value: request.value,
        data: request.input.clone(),
        nonce,
        chain_id: Some(ctx.cfg.chain_id),
        access_list: request.access_list.clone(),
        authorization_list: request.authorizations.iter().cloned().map(Either::Left).collect(),
        ..Default::default()
    })
}

/// The nonce that it says, or the sender's.
pub(crate) fn nonce(ctx: &Ctx<'_>, request: &SimulationRequest) -> Result<u64, CallError> {
    let sender = || ctx.journaled_state.database.account(request.from).map_err(ExecutionError::from);
    Ok(match request.nonce {
        Some(nonce) => nonce,
        None => sender()?.unwrap_or_default().nonce,
    })
}

/// What came of a transaction, for who asked.
pub(crate) fn simulation(ctx: &Ctx<'_>, result: ExecutionResult) -> Simulation {
    let (gas_used, max_gas_used) = (result.tx_gas_used(), result.gas().total_gas_spent());
    let (result, logs) = match result {
        ExecutionResult::Success { output, logs, .. } => {
            let output = match output {
                Output::Call(data) | Output::Create(data, _) => data,
            };
            (SimulationResult::Return(output), logs)
        }
        ExecutionResult::Revert { output, .. } => (SimulationResult::Revert(output), Vec::new()),
        ExecutionResult::Halt { reason, .. } => {
            (SimulationResult::Halt { reason: words(&reason), fault: ctx.chain.fault() }, Vec::new())
        }
    };
    Simulation { result, gas_used, max_gas_used: max_gas_used.max(gas_used), logs }
}

/// A halt as geth words it, because clients and people look for these words.
fn words(reason: &HaltReason) -> String {
    let text = match reason {
        HaltReason::OutOfGas(_) => "out of gas",
        HaltReason::OpcodeNotFound | HaltReason::NotActivated => "invalid opcode",
        HaltReason::InvalidFEOpcode => "invalid opcode: INVALID",
        HaltReason::StackOverflow => "stack limit reached 1024",
        HaltReason::OutOfOffset => "return data out of bounds",
        HaltReason::CreateCollision => "contract address collision",
        HaltReason::NonceOverflow => "nonce uint64 overflow",
        HaltReason::CreateContractSizeLimit => "max code size exceeded",
        HaltReason::CreateContractStartingWithEF => "invalid code: must not begin with 0xef",
        HaltReason::CreateInitCodeSizeLimit => "max initcode size exceeded",
        HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => "write protection",
        HaltReason::OutOfFunds => "insufficient balance for transfer",
        HaltReason::CallTooDeep => "max call depth exceeded",
        // Invalid jump destination and stack underflow are worded alike.
        other => return other.to_string(),
    };
    text.into()
}

/// What holds for a transaction but not for a question.
pub(crate) fn relax(ctx: &mut Ctx<'_>) {
    ctx.cfg.disable_nonce_check = true;
    ctx.cfg.disable_balance_check = true;
    ctx.cfg.disable_block_gas_limit = true;
    ctx.cfg.disable_eip3607 = true;
    ctx.cfg.disable_base_fee = true;
    ctx.cfg.tx_gas_limit_cap = Some(u64::MAX);
}
