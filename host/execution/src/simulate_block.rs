//! A block of calls that is never made: the step of `eth_simulateV1`.
//!
//! The calls of a block build on each other, and on the changes that the blocks before it left. The chain's own turn (swaps
//! and hooks) is no call of anybody and does not run.

use std::collections::BTreeMap;

use alloy_consensus::{SignableTransaction, Transaction as _, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy};
use alloy_primitives::{Address, B256, Signature, TxKind, U256};
use caldera_state::StateDiff;
use caldera_types::{BlockEnv, TxReceipt};
use revm::context_interface::{ContextTr, JournalTr};

use crate::{
    Ground,
    block_engines::BlockEngines,
    call_error::CallError,
    error::TxRefusal,
    evm::{self, BrokenRule, Ctx},
    executor::{BlockOutcome, envelope},
    overrides::{self, OverrideError, Overrides},
    simulate::{self, Simulation, SimulationRequest, SimulationResult},
    trace::Tracer,
    view_db::ViewDb,
};

/// What is asked of one block.
#[derive(Debug, Default)]
pub struct BlockAsked {
    /// Changes before its first call. The block's own are in the environment already.
    pub overrides: Overrides,
    /// The calls, whose own overrides are not looked at. No gas: what the block has left. More than `gas` none gets.
    pub calls: Vec<SimulationRequest>,
    /// Checks nonces, balances and fees as in a real block.
    pub validation: bool,
    /// Shows transfers of wei as logs of ERC-20 transfers.
    pub trace_transfers: bool,
    /// Gas that all calls of the question may still use.
    pub gas: u64,
}

/// A block of calls.
#[derive(Debug, Default)]
pub struct SimulatedBlock {
    /// The calls as unsigned transactions, and their receipts; `diff` holds the changes of earlier blocks too.
    pub outcome: BlockOutcome,
    /// Who sends each.
    pub senders: Vec<Address>,
    /// What came of each. Its logs may hold transfers that the receipts do not.
    pub calls: Vec<Simulation>,
}

/// Runs a block's calls on the state after `earlier`, in which `hashes` are those of the blocks that do not exist.
pub fn simulate_block(
    ground: Ground<'_>,
    env: &BlockEnv,
    earlier: StateDiff,
    hashes: BTreeMap<u64, B256>,
    asked: &BlockAsked,
) -> Result<SimulatedBlock, CallError> {
    let mut db = ViewDb::asked(ground.view, earlier, hashes);
    let mut engines = BlockEngines::load(ground, &env.rules)?;
    overrides::apply(&asked.overrides.state, &mut db, &mut engines)?;
    let mut ctx = evm::context(env, db, engines);
    overrides::blob_fee(&mut ctx, &asked.overrides.block)?;
    simulate::relax(&mut ctx);
    if asked.validation {
        ctx.cfg.disable_nonce_check = false;
        ctx.cfg.disable_balance_check = false;
        ctx.cfg.disable_base_fee = false;
    }
    let mut block = SimulatedBlock::default();
    let mut gas = asked.gas;
    for call in &asked.calls {
        gas = gas.saturating_sub(block.call(&mut ctx, env, call, asked, gas)?);
    }
    block.outcome.diff = ctx.journaled_state.database.into_diff();
    Ok(block)
}

impl BlockAsked {
    /// The block's environment, given the one that it has by its place in the chain.
    pub fn env(&self, env: BlockEnv) -> Result<BlockEnv, OverrideError> {
        overrides::block_env(env, &self.overrides.block)
    }
}

impl SimulatedBlock {
    /// Runs one call; returns the gas that it used.
    fn call(
        &mut self,
        ctx: &mut Ctx<'_>,
        env: &BlockEnv,
        call: &SimulationRequest,
        asked: &BlockAsked,
        gas: u64,
    ) -> Result<u64, CallError> {
        let left = env.gas_limit.saturating_sub(self.outcome.gas_used);
        let wanted = call.gas.unwrap_or(left);
        if wanted > left || gas == 0 {
            let refusal = TxRefusal::BlockFull { needs: wanted, left: if gas == 0 { 0 } else { left } };
            return Err(CallError::Refused { refusal, rule: BrokenRule::BlockGas });
        }
        // Validation itself asks for wei.
        let call = &SimulationRequest { gas: Some(wanted.min(gas)), checks_funds: !asked.validation, ..call.clone() };
        if asked.trace_transfers {
            ctx.chain.tracer = Some(Box::new(Tracer::of_transfers()));
        }
        let nonce = simulate::nonce(ctx, call)?;
        let tx_env = simulate::tx_env(ctx, call)?;
        let created = tx_env.caller.create(tx_env.nonce);
        let result = evm::transact(ctx, tx_env)?;
        let mut changes = ctx.journal_mut().finalize();
        if let Some(sender) = changes.get_mut(&call.from).filter(|_| nonce == u64::MAX) {
            // Behind the last nonce, which only a question has, comes the first, as in geth.
            sender.info.nonce = 0;
        }
        ctx.journal_mut().db_mut().fold(changes);
        let fault = ctx.chain.fault();
        let mut simulation = simulate::simulation(ctx, result);
        // The block's own logs are those of the EVM; who asked for transfers is shown these too.
        let logs = simulation.logs.clone();
        if let Some(tracer) = ctx.chain.tracer.take() {
            simulation.logs = tracer.into_transfers();
        }
        let tx = unsigned(ctx.cfg.chain_id, nonce, call);
        let succeeded = matches!(simulation.result, SimulationResult::Return(_));
        self.outcome.gas_used += simulation.gas_used;
        self.outcome.receipts.push(TxReceipt {
            consensus: envelope(tx.tx_type(), succeeded, self.outcome.gas_used, logs),
            gas_used: simulation.gas_used,
            effective_gas_price: tx.effective_gas_price(Some(env.base_fee)),
            contract_address: (succeeded && call.to == TxKind::Create).then_some(created),
            fault: fault.filter(|_| !succeeded),
        });
        self.outcome.transactions.push(tx);
        self.senders.push(call.from);
        let used = simulation.gas_used;
        self.calls.push(simulation);
        Ok(used)
    }
}

/// The transaction that a call would be, with the signature that nobody made.
fn unsigned(chain_id: u64, nonce: u64, call: &SimulationRequest) -> TxEnvelope {
    let nobody = Signature::new(U256::ZERO, U256::ZERO, false);
    let (gas_limit, value, input) = (call.gas_limit(), call.value, call.input.clone());
    let access_list = call.access_list.clone();
    let (gas_price, to) = (call.gas_price, call.to);
    let priced = call.priority_fee.is_none() && gas_price > 0;
    match (call.to, call.authorizations.as_slice(), priced) {
        (TxKind::Call(to), [_, ..], _) => TxEip7702 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: gas_price,
            max_priority_fee_per_gas: call.priority_fee.unwrap_or_default(),
            to,
            value,
            access_list,
            authorization_list: call.authorizations.clone(),
            input,
        }
        .into_signed(nobody)
        .into(),
        (_, _, true) if access_list.is_empty() => {
            TxLegacy { chain_id: Some(chain_id), nonce, gas_price, gas_limit, to, value, input }
                .into_signed(nobody)
                .into()
        }
        (_, _, true) => TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input }
            .into_signed(nobody)
            .into(),
        _ => TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: gas_price,
            max_priority_fee_per_gas: call.priority_fee.unwrap_or_default(),
            to,
            value,
            access_list,
            input,
        }
        .into_signed(nobody)
        .into(),
    }
}
