//! Running a block: the system's act, the transactions, the system's act again.

use alloy_consensus::{
    Eip658Value, Receipt, ReceiptEnvelope, ReceiptWithBloom, Transaction, TxEnvelope, TxType, proofs,
};
use alloy_primitives::{Address, B256, Bloom, Bytes, Log, TxKind};
use alloy_sol_types::SolCall;
use caldera_state::StateDiff;
use caldera_types::{
    Author, Block, BlockEnv, BlockSummary, Component, EDIT_ADDRESS, Rules, SYSTEM_ADDRESS, TxReceipt,
    is_system_transaction,
    limits::{ACTIVATION_GAS, HOOK_GAS},
    system_transaction,
};
use revm::{
    context::{
        TxEnv,
        result::{ExecutionResult, Output},
    },
    context_interface::{ContextTr, JournalTr},
    state::EvmState,
};

use crate::{
    Ground,
    block_engines::BlockEngines,
    edit::StateEdit,
    error::{ExecutionError, TxError, TxRefusal},
    ethereum,
    evm::{self, Ctx, TransactError},
    hooks::{self, Hook},
    registry::{self, abi::IEngineRegistry as abi},
    road,
    shadow::Shadow,
    trace::{self, Trace, Tracer},
    transaction,
    view_db::ViewDb,
};

/// What a block did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockOutcome {
    /// The transactions, the system's own among them.
    pub transactions: Vec<TxEnvelope>,
    /// Their receipts.
    pub receipts: Vec<TxReceipt>,
    /// Components that the transactions staged, to travel with the block.
    pub sidecar: Vec<Component>,
    /// Gas used by all of them.
    pub gas_used: u64,
    /// Changes to the parent's state.
    pub diff: StateDiff,
}

impl BlockOutcome {
    /// Root of the receipts trie.
    pub fn receipts_root(&self) -> B256 {
        let receipts: Vec<_> = self.receipts.iter().map(|receipt| &receipt.consensus).collect();
        proofs::calculate_receipt_root(&receipts)
    }

    /// Bloom filter of all logs.
    pub fn logs_bloom(&self) -> Bloom {
        self.receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | *receipt.consensus.logs_bloom())
    }
}

/// Runs a block's transactions one by one. The builder feeds it from the pool, a follower from a block.
pub struct BlockExecutor<'a> {
    ctx: Ctx<'a>,
    env: BlockEnv,
    summary: BlockSummary,
    transactions: Vec<TxEnvelope>,
    receipts: Vec<TxReceipt>,
    gas_used: u64,
}

impl<'a> BlockExecutor<'a> {
    /// Opens a block: goes on with swaps, activates what is due and runs the `begin-block` hooks.
    pub fn begin(ground: Ground<'a>, env: BlockEnv) -> Result<Self, ExecutionError> {
        Self::begin_shadowed(ground, env, None)
    }

    /// The same with a candidate in the shadow of an engine.
    pub(crate) fn begin_shadowed(
        ground: Ground<'a>,
        env: BlockEnv,
        shadow: Option<&'a mut Shadow>,
    ) -> Result<Self, ExecutionError> {
        let mut engines = BlockEngines::load(ground, &env.rules)?;
        engines.shadow = shadow;
        Self::begin_with(ground, env, engines)
    }

    /// The same with a tracer that listens.
    pub(crate) fn begin_traced(ground: Ground<'a>, env: BlockEnv, tracer: Tracer) -> Result<Self, ExecutionError> {
        let mut engines = BlockEngines::load(ground, &env.rules)?;
        engines.tracer = Some(Box::new(tracer));
        Self::begin_with(ground, env, engines)
    }

    fn begin_with(ground: Ground<'a>, env: BlockEnv, engines: BlockEngines<'a>) -> Result<Self, ExecutionError> {
        let ctx = evm::context(&env, ViewDb::new(ground.view), engines);
        let (transactions, receipts) = Default::default();
        let mut block = Self { ctx, env, summary: BlockSummary::default(), transactions, receipts, gas_used: 0 };
        if let Rules::Ethereum(of) = &env.rules {
            ethereum::begin(&mut block.ctx, of, env.number)?;
            return Ok(block);
        }
        block.as_system(abi::beginBlockCall {}.abi_encode().into(), ACTIVATION_GAS + HOOK_GAS, |ctx| {
            if let Rules::Handover { governor, development } = env.rules {
                registry::found(ctx, governor, development)?;
            }
            let acted = road::run(ctx, env.number)?;
            ctx.chain.tell_shadow();
            Ok(acted + hooks::run(ctx, Hook::Begin)?)
        })?;
        Ok(block)
    }

    /// Offers a component that a following stage transaction may name.
    pub fn offer(&mut self, component: &'a Component) {
        self.ctx.chain.sidecar.offered.insert(component.digest(), component);
    }

    /// Gas that the next transaction may ask for at most.
    pub fn gas_left(&self) -> u64 {
        let reserve = if self.ctx.chain.mounts().any(|mount| mount.hooks.end_block) { HOOK_GAS } else { 0 };
        self.env.gas_limit.saturating_sub(self.gas_used).saturating_sub(reserve)
    }

    /// Runs one transaction of `sender`, who was recovered from its signature. A refused transaction leaves no trace.
    pub fn apply(&mut self, tx: &TxEnvelope, sender: Address) -> Result<&TxReceipt, TxError> {
        if self.env.rules.ethereum().is_none() {
            transaction::check_kind(tx)?;
            let author = Author::of(tx);
            if author != Author::Signer {
                self.must_be_development()?;
            }
            if author == Author::Editor {
                return self.edit(tx);
            }
            // Contracts are impersonated too.
            self.ctx.cfg.disable_eip3607 = author != Author::Signer;
        }
        let (needs, left) = (tx.gas_limit(), self.gas_left());
        if needs > left {
            return Err(TxRefusal::BlockFull { needs, left }.into());
        }
        if let Some(shadow) = &mut self.ctx.chain.shadow {
            shadow.at(Some(*tx.tx_hash()));
        }
        trace::begin(&mut self.ctx, self.receipts.len());
        let result = evm::transact(&mut self.ctx, transaction::env(tx, sender)).map_err(|error| match error {
            TransactError::Refused(refusal, _) => TxError::Refused(refusal),
            TransactError::Node(error) => TxError::Node(error),
        })?;
        let changes = self.take_changes();
        if trace::is_on(&self.ctx) {
            self.settle(Some(result.clone()), &changes)?;
        }
        self.ctx.journal_mut().db_mut().fold(changes);
        self.summary.transactions += 1;
        self.summary.gas_used += result.tx_gas_used();
        let receipt = self.receipt(tx, &result);
        self.include(tx.clone(), receipt);
        // `include` just pushed it.
        Ok(&self.receipts[self.receipts.len() - 1])
    }

    fn must_be_development(&mut self) -> Result<(), TxError> {
        // The first block of ours on another client's has no registry below it yet.
        if matches!(self.env.rules, Rules::Handover { development: true, .. }) {
            return Ok(());
        }
        if registry::is_development(self.ctx.journal_mut().db_mut().parent())? {
            return Ok(());
        }
        let why = "changes of the state by hand and impersonated senders are for development chains, which this is not";
        Err(TxRefusal::Invalid(why.into()).into())
    }

    /// Changes the state by hand.
    fn edit(&mut self, tx: &TxEnvelope) -> Result<&TxReceipt, TxError> {
        let edit = StateEdit::decode(tx.input()).ok_or(TxRefusal::Invalid("it is no change of the state".into()))?;
        if let Some(shadow) = &mut self.ctx.chain.shadow {
            shadow.at(Some(*tx.tx_hash()));
        }
        self.ctx.chain.begin_transaction();
        let (kind, data) = (TxKind::Call(EDIT_ADDRESS), tx.input().clone());
        self.ctx.tx = TxEnv { caller: SYSTEM_ADDRESS, kind, gas_limit: 0, data, ..Default::default() };
        trace::begin(&mut self.ctx, self.receipts.len());
        let begun = trace::chain_begins(&mut self.ctx, EDIT_ADDRESS, tx.input(), 0);
        edit.apply(&mut self.ctx)?;
        trace::chain_ends(&mut self.ctx, begun, 0);
        if trace::is_on(&self.ctx) {
            let result = trace::chain_result(0, Vec::new());
            self.settle(Some(result), &EvmState::default())?;
        }
        let consensus = envelope(TxType::Legacy, true, self.gas_used, Vec::new());
        let (gas_used, effective_gas_price) = (0, 0);
        let receipt = TxReceipt { consensus, gas_used, effective_gas_price, contract_address: None, fault: None };
        self.include(tx.clone(), receipt);
        // `include` just pushed it.
        Ok(&self.receipts[self.receipts.len() - 1])
    }

    /// Closes the block: runs the `end-block` hooks and counts what engines on probation did.
    pub fn finish(mut self) -> Result<BlockOutcome, ExecutionError> {
        self.end()?;
        let sidecar = &self.ctx.chain.sidecar;
        let taken = sidecar.taken.iter().filter_map(|digest| sidecar.offered.get(digest));
        let sidecar = taken.map(|component| (*component).clone()).collect();
        Ok(BlockOutcome { sidecar, ..self.into_outcome() })
    }

    /// Closes the block for who traces it.
    pub(crate) fn finish_traced(mut self) -> Result<Vec<(usize, Trace)>, ExecutionError> {
        self.end()?;
        Ok(self.into_traces())
    }

    /// The traces so far.
    pub(crate) fn into_traces(mut self) -> Vec<(usize, Trace)> {
        self.ctx.chain.tracer.take().map(|tracer| tracer.into_traces()).unwrap_or_default()
    }

    /// What the transactions changed so far.
    pub(crate) fn diff(&self) -> &StateDiff {
        self.ctx.journaled_state.database.diff()
    }

    /// Puts the state's root after the last transaction into its receipt, as it was before EIP-658.
    pub(crate) fn put_root(&mut self, root: B256) {
        // Only legacy transactions are that old.
        if let Some(ReceiptEnvelope::Legacy(receipt)) = self.receipts.last_mut().map(|last| &mut last.consensus) {
            receipt.receipt.status = Eip658Value::PostState(root);
        }
    }

    /// The context and the receipts so far, for what ends a block of another client.
    pub(crate) fn parts(&mut self) -> (&mut Ctx<'a>, &[TxReceipt]) {
        (&mut self.ctx, &self.receipts)
    }

    /// What the block did, without an end of ours.
    pub(crate) fn into_outcome(mut self) -> BlockOutcome {
        // Blocks are kept for who asks for them: without the room that was left for more, which may be as much again.
        self.transactions.shrink_to_fit();
        self.receipts.shrink_to_fit();
        BlockOutcome {
            transactions: self.transactions,
            receipts: self.receipts,
            sidecar: Vec::new(),
            gas_used: self.gas_used,
            diff: self.ctx.journaled_state.database.into_diff(),
        }
    }

    fn end(&mut self) -> Result<(), ExecutionError> {
        if self.env.rules.ethereum().is_some() {
            return Ok(());
        }
        let summary = self.summary;
        self.as_system(abi::endBlockCall {}.abi_encode().into(), HOOK_GAS, |ctx| {
            let gas_used = hooks::run(ctx, Hook::End(summary))?;
            road::count(ctx)?;
            Ok(gas_used)
        })
    }

    /// Lets the chain itself act. If that did anything, it becomes a system transaction of the block.
    fn as_system(
        &mut self,
        input: Bytes,
        gas_limit: u64,
        act: impl FnOnce(&mut Ctx<'a>) -> Result<u64, ExecutionError>,
    ) -> Result<(), ExecutionError> {
        if let Some(shadow) = &mut self.ctx.chain.shadow {
            shadow.at(None);
        }
        self.ctx.chain.begin_transaction();
        let kind = TxKind::Call(registry::ADDRESS);
        self.ctx.tx = TxEnv { caller: SYSTEM_ADDRESS, kind, gas_limit, data: input.clone(), ..Default::default() };
        trace::begin(&mut self.ctx, self.receipts.len());
        let begun = trace::chain_begins(&mut self.ctx, registry::ADDRESS, &input, gas_limit);
        let gas_used = act(&mut self.ctx)?;
        trace::chain_ends(&mut self.ctx, begun, gas_used);
        let logs = self.ctx.journal_mut().take_logs();
        let changes = self.take_changes();
        if trace::is_on(&self.ctx) {
            let acted = !logs.is_empty() || self.ctx.journal_mut().db_mut().changed_by(&changes);
            let result = acted.then(|| trace::chain_result(gas_used, logs.clone()));
            self.settle(result, &changes)?;
        }
        let changed = self.ctx.journal_mut().db_mut().fold(changes);
        if !changed && logs.is_empty() {
            return Ok(());
        }
        let tx = system_transaction(self.env.chain_id, self.env.number, gas_limit, registry::ADDRESS, input);
        let receipt = TxReceipt {
            consensus: envelope(TxType::Legacy, true, self.gas_used + gas_used, logs),
            gas_used,
            effective_gas_price: 0,
            contract_address: None,
            fault: None,
        };
        self.include(tx, receipt);
        Ok(())
    }

    /// Tells who listens what came of the transaction behind those that have receipts.
    fn settle(&mut self, result: Option<ExecutionResult>, changes: &EvmState) -> Result<(), ExecutionError> {
        let logs = self.receipts.iter().map(|receipt| receipt.logs().len() as u64).sum();
        trace::settle(&mut self.ctx, self.receipts.len(), logs, result, changes)
    }

    /// What the journal holds, to be folded into the block's diff.
    fn take_changes(&mut self) -> EvmState {
        let mut changes = self.ctx.journal_mut().finalize();
        if let Some(shadow) = &mut self.ctx.chain.shadow {
            shadow.settle(&mut changes);
        }
        changes
    }

    /// Whether the shadow, if there is one, has time left.
    pub(crate) fn shadow_goes_on(&mut self) -> bool {
        self.ctx.chain.shadow.as_mut().is_none_or(|shadow| shadow.goes_on())
    }

    fn receipt(&self, tx: &TxEnvelope, result: &ExecutionResult) -> TxReceipt {
        let (logs, contract_address) = match result {
            ExecutionResult::Success { logs, output: Output::Create(_, address), .. } => (logs.clone(), *address),
            ExecutionResult::Success { logs, .. } => (logs.clone(), None),
            _ => (Vec::new(), None),
        };
        let gas_used = result.tx_gas_used();
        let succeeded = result.is_success();
        TxReceipt {
            consensus: envelope(tx.tx_type(), succeeded, self.gas_used + gas_used, logs),
            gas_used,
            effective_gas_price: tx.effective_gas_price(Some(self.env.base_fee)),
            contract_address,
            fault: self.ctx.chain.fault().filter(|_| !succeeded),
        }
    }

    fn include(&mut self, tx: TxEnvelope, receipt: TxReceipt) {
        self.gas_used += receipt.gas_used;
        self.transactions.push(tx);
        self.receipts.push(receipt);
    }
}

pub(crate) fn envelope(tx_type: TxType, success: bool, cumulative_gas_used: u64, logs: Vec<Log>) -> ReceiptEnvelope {
    let receipt: ReceiptWithBloom<Receipt> = Receipt { status: success.into(), cumulative_gas_used, logs }.with_bloom();
    match tx_type {
        TxType::Legacy => ReceiptEnvelope::Legacy(receipt),
        TxType::Eip2930 => ReceiptEnvelope::Eip2930(receipt),
        TxType::Eip1559 => ReceiptEnvelope::Eip1559(receipt),
        TxType::Eip4844 => ReceiptEnvelope::Eip4844(receipt),
        TxType::Eip7702 => ReceiptEnvelope::Eip7702(receipt),
    }
}

/// Executes a whole block on its parent's state. Pure: the same arguments give the same outcome everywhere.
///
/// The outcome holds what the block *should* have been; [`crate::verify_header`] compares.
pub fn execute(ground: Ground<'_>, env: BlockEnv, block: &Block) -> Result<BlockOutcome, ExecutionError> {
    let named =
        |(index, sender): (_, Result<_, _>)| sender.map_err(|why| ExecutionError::BadTransaction { index, why });
    let senders = transaction::senders_of(&block.transactions).into_iter().enumerate();
    let senders: Vec<_> = senders.map(named).collect::<Result<_, _>>()?;
    execute_sent(ground, env, block, &senders)
}

/// The same for who has the senders of the block's transactions already ([`crate::senders_of`]).
pub fn execute_sent(
    ground: Ground<'_>,
    env: BlockEnv,
    block: &Block,
    senders: &[Address],
) -> Result<BlockOutcome, ExecutionError> {
    let mut executor = BlockExecutor::begin(ground, env)?;
    for component in &block.sidecar {
        executor.offer(component);
    }
    let own = block.transactions.iter().zip(senders).enumerate().filter(|(_, (tx, _))| !is_system_transaction(tx));
    for (index, (tx, sender)) in own {
        executor.apply(tx, *sender).map_err(|error| match error {
            TxError::Refused(why) => ExecutionError::BadTransaction { index, why },
            TxError::Node(error) => error,
        })?;
    }
    executor.finish()
}
