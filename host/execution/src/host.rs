//! What an engine reaches, on revm's journal: its storage, calls, logs and balances.

use alloy_primitives::{Address, B256, Bytes, Log, LogData, U256};
use caldera_engine::{EngineHost, GasMeter, HostError, LogLevel, Subcall, SubcallResult};
use caldera_types::{BlockEnv, Fault};
use revm::{
    context_interface::{Cfg, ContextTr, JournalTr, LocalContextTr, host::LoadError},
    handler::{FrameResult, Handler},
    inspector::InspectorHandler,
    interpreter::{
        CallInput, CallInputs, CallScheme, CallValue, FrameInput, SharedMemory, instructions::contract,
        interpreter_action::FrameInit,
    },
};

use crate::{
    bytes_map,
    evm::{self, Ctx, EvmHandler, SPEC},
    road,
    shadow::SubcallRecord,
    slots::{Slots, fatal},
    trace::{self, Watched, WatchedHandler},
};

/// The engine's view of the journal during one call.
pub(crate) struct JournalHost<'h, 'a> {
    ctx: &'h mut Ctx<'a>,
    account: Address,
    max_depth: u8,
    is_static: bool,
    mode: Mode,
    refund: i64,
    /// What was called, if somebody compares it.
    subcalls: Option<Vec<SubcallRecord>>,
}

/// How an engine meets its own storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As it is.
    Plain,
    /// It rewrites it: what it overwrites first is kept, and calls to other contracts are read-only, so that what is
    /// kept is enough to undo it.
    Migrates,
    /// As it was when the migration that began at this height began.
    ReadsAsAt(u64),
}

impl<'h, 'a> JournalHost<'h, 'a> {
    pub(crate) fn new(ctx: &'h mut Ctx<'a>, account: Address, max_depth: u8, is_static: bool, mode: Mode) -> Self {
        Self { ctx, account, max_depth, is_static, mode, refund: 0, subcalls: None }
    }

    /// EVM gas refund that the call earned, if it succeeds.
    pub(crate) fn refund(&self) -> i64 {
        self.refund
    }

    /// Keeps the sub-calls from now on.
    pub(crate) fn record_subcalls(&mut self) {
        self.subcalls = Some(Vec::new());
    }

    /// The sub-calls that were kept.
    pub(crate) fn take_subcalls(&mut self) -> Vec<SubcallRecord> {
        self.subcalls.take().unwrap_or_default()
    }

    fn slots<'s>(&'s mut self, gas: &'s mut GasMeter) -> Result<Slots<'s, 'a>, HostError> {
        // The journal wants the account loaded before its slots. Mounts are warm, so this costs no gas.
        self.ctx.journal_mut().load_account(self.account).map_err(fatal)?;
        Ok(Slots { ctx: self.ctx, account: self.account, gas, refund: &mut self.refund })
    }

    /// In a migration, remembers what the entry held before.
    fn keep_old(&mut self, key: &[u8]) -> Result<(), HostError> {
        if self.mode == Mode::Migrates { road::remember(self.ctx, key) } else { Ok(()) }
    }

    /// Charges what CALL charges before the callee runs and gives back the callee's code.
    fn charge_call(
        &mut self,
        call: &Subcall<'_>,
        gas: &mut GasMeter,
    ) -> Result<(B256, revm::state::Bytecode), HostError> {
        let transfers = !call.value.is_zero();
        let params = self.ctx.cfg().gas_params();
        gas.charge(params.warm_storage_read_cost())?;
        if transfers {
            gas.charge(params.transfer_value_cost())?;
        }
        let loaded =
            contract::load_account_delegated(self.ctx, SPEC, gas.remaining(), call.to, transfers, !call.is_static);
        match loaded {
            Ok((cost, _, code, hash)) => {
                gas.charge(cost)?;
                Ok((hash, code))
            }
            Err(LoadError::ColdLoadSkipped) => Err(HostError::Fault(Fault::OutOfFuel)),
            Err(LoadError::DBError) => Err(HostError::Fatal("reading the callee's account".into())),
        }
    }

    /// Runs the callee on the same journal.
    fn run(&mut self, inputs: CallInputs) -> Result<FrameResult, HostError> {
        let depth = self.ctx.journal().depth();
        // Frames read their input from the local context's buffer, so a nested run gets a buffer of its own.
        let outer = std::mem::take(&mut self.ctx.local);
        let memory = SharedMemory::new_with_buffer(self.ctx.local.shared_memory_buffer().clone());
        let init = FrameInit { depth, memory, frame_input: FrameInput::Call(Box::new(inputs)) };
        let result = match self.ctx.chain.tracer {
            None => EvmHandler::default().run_exec_loop(&mut evm::borrow(self.ctx), init),
            Some(_) => WatchedHandler::default().inspect_run_exec_loop(&mut Watched::new(evm::borrow(self.ctx)), init),
        };
        self.ctx.local = outer;
        result.map_err(|error| HostError::Fatal(error.to_string()))
    }

    /// Charges, checks and makes a call.
    fn make_call(&mut self, call: Subcall<'_>, gas: &mut GasMeter) -> Result<SubcallResult, HostError> {
        let call = match self.mode {
            Mode::Migrates if !call.value.is_zero() => return Err(Fault::StaticWrite.into()),
            Mode::Migrates => Subcall { is_static: true, ..call },
            Mode::Plain | Mode::ReadsAsAt(_) => call,
        };
        let known_bytecode = self.charge_call(&call, gas)?;
        if self.ctx.chain.depth > self.max_depth {
            return Ok(SubcallResult::TooDeep);
        }
        let own = self.ctx.journal_mut().load_account(self.account).map_err(fatal)?;
        if own.data.info.balance < call.value {
            return Ok(SubcallResult::InsufficientBalance);
        }
        // EIP-150: a 64th stays with the caller.
        let most = gas.remaining() - gas.remaining() / 64;
        let given = call.gas.min(most);
        gas.charge(given)?;
        let stipend = if call.value.is_zero() { 0 } else { self.ctx.cfg().gas_params().call_stipend() };
        let inputs = CallInputs {
            input: CallInput::Bytes(Bytes::copy_from_slice(call.input)),
            return_memory_offset: 0..0,
            gas_limit: given + stipend,
            reservoir: 0,
            bytecode_address: call.to,
            known_bytecode,
            target_address: call.to,
            caller: self.account,
            value: CallValue::Transfer(call.value),
            scheme: if call.is_static { CallScheme::StaticCall } else { CallScheme::Call },
            is_static: self.is_static || call.is_static,
            charged_new_account_state_gas: false,
        };
        let result = self.run(inputs)?;
        let interpreted = result.interpreter_result();
        gas.give_back(interpreted.gas.remaining());
        let output = interpreted.output.clone();
        Ok(match interpreted.result {
            ok if ok.is_ok() => {
                self.refund += interpreted.gas.refunded();
                SubcallResult::Return(output)
            }
            revert if revert.is_revert() => SubcallResult::Revert(output),
            halt => SubcallResult::Halt(format!("{halt:?}")),
        })
    }
}

impl EngineHost for JournalHost<'_, '_> {
    fn get(&mut self, key: &[u8], gas: &mut GasMeter) -> Result<Option<Vec<u8>>, HostError> {
        if let Mode::ReadsAsAt(since) = self.mode
            && let Some(old) = road::read_old(self.ctx, self.account, since, key)?
        {
            gas.charge(self.ctx.cfg().gas_params().warm_storage_read_cost())?;
            return Ok(old);
        }
        let mut slots = self.slots(gas)?;
        bytes_map::get(key, |slot| bytes_map::SlotAccess::load(&mut slots, slot))
    }

    fn set(&mut self, key: &[u8], value: &[u8], gas: &mut GasMeter) -> Result<(), HostError> {
        self.keep_old(key)?;
        bytes_map::set(key, value, &mut self.slots(gas)?)
    }

    fn remove(&mut self, key: &[u8], gas: &mut GasMeter) -> Result<(), HostError> {
        self.keep_old(key)?;
        bytes_map::set(key, &[], &mut self.slots(gas)?)
    }

    fn call(&mut self, call: Subcall<'_>, gas: &mut GasMeter) -> Result<SubcallResult, HostError> {
        let result = self.make_call(call, gas)?;
        if let Some(subcalls) = &mut self.subcalls {
            subcalls.push(SubcallRecord::new(&call, &result));
        }
        Ok(result)
    }

    fn emit(&mut self, topics: &[B256], data: &[u8], gas: &mut GasMeter) -> Result<(), HostError> {
        let params = self.ctx.cfg().gas_params();
        // At most four topics: the runtime checked.
        gas.charge(375 + params.log_cost(topics.len() as u8, data.len() as u64))?;
        let data = LogData::new_unchecked(topics.to_vec(), Bytes::copy_from_slice(data));
        let log = Log { address: self.account, data };
        trace::log(self.ctx, &log);
        self.ctx.journal_mut().log(log);
        Ok(())
    }

    fn balance(&mut self, of: Address, gas: &mut GasMeter) -> Result<U256, HostError> {
        let params = self.ctx.cfg().gas_params();
        let (warm, cold) = (params.warm_storage_read_cost(), params.cold_account_additional_cost());
        gas.charge(warm)?;
        let loaded = self.ctx.journal_mut().load_account(of).map_err(fatal)?;
        let (balance, is_cold) = (loaded.data.info.balance, loaded.is_cold);
        if is_cold {
            gas.charge(cold)?;
        }
        Ok(balance)
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        let engine = self.account;
        match level {
            LogLevel::Error => tracing::error!(target: "caldera::guest", %engine, "{message}"),
            LogLevel::Warn => tracing::warn!(target: "caldera::guest", %engine, "{message}"),
            LogLevel::Info => tracing::info!(target: "caldera::guest", %engine, "{message}"),
            LogLevel::Debug => tracing::debug!(target: "caldera::guest", %engine, "{message}"),
        }
    }
}

/// The block that is being executed, in our words.
pub(crate) fn block_env(ctx: &Ctx<'_>) -> BlockEnv {
    BlockEnv {
        chain_id: ctx.cfg.chain_id,
        // Both were made from u64 by `evm::context`.
        number: ctx.block.number.saturating_to(),
        timestamp_s: ctx.block.timestamp.saturating_to(),
        prev_randao: ctx.block.prevrandao.unwrap_or_default(),
        beneficiary: ctx.block.beneficiary,
        gas_limit: ctx.block.gas_limit,
        base_fee: ctx.block.basefee,
        fees: Default::default(),
        rules: Default::default(),
    }
}
