//! Engines where revm expects precompiles: the dispatch of EVM calls to them.

use alloy_primitives::{Address, Bytes, map::AddressSet};
use alloy_sol_types::SolError;
use caldera_engine::{CallOutcome, CallUnit, EngineHost, EngineResult, Export};
use caldera_types::{Digest, Fault, Mount, Phase, metering};
use revm::{
    context::{ContextTr, LocalContextTr},
    context_interface::JournalTr,
    handler::{EthPrecompiles, PrecompileProvider},
    interpreter::{CallInputs, Gas, InstructionResult, InterpreterResult},
    primitives::hardfork::SpecId,
};

use crate::{
    block_engines::Standing,
    error::ExecutionError,
    evm::{Ctx, SPEC},
    host::{JournalHost, Mode},
    registry::{self, abi::IEngineRegistry as abi},
    shadow::{self, SubcallRecord},
    trace::{self, Recorded},
};

/// What stands as code at an engine's address: INVALID and the component's digest.
///
/// Solidity asks EXTCODESIZE before a call, so there must be code; whoever runs it by DELEGATECALL meets INVALID; and
/// EXTCODEHASH tells contracts which component runs, under the state root.
pub fn engine_code(digest: Digest) -> Bytes {
    [&[0xfe], digest.0.as_slice()].concat().into()
}

/// What one run of an engine did.
pub(crate) struct Ran {
    pub(crate) outcome: CallOutcome,
    /// The EVM refund that it earned.
    pub(crate) refund: i64,
    /// The sub-calls that it made, if somebody compares them.
    pub(crate) subcalls: Vec<SubcallRecord>,
}

/// Runs one export of an engine on the journal and gives back what it did, with the refund it earned.
pub(crate) fn run_engine(
    ctx: &mut Ctx<'_>,
    mount: &Mount,
    export: Export<'_>,
    is_static: bool,
    gas: u64,
) -> Result<(CallOutcome, i64), ExecutionError> {
    let ahead = shadow::ahead(ctx, mount, &export, is_static, gas);
    let ran = run(ctx, mount, export, is_static, gas, ahead.is_some())?;
    if let Some(ahead) = ahead {
        shadow::after(ctx, ahead, &ran);
    }
    Ok((ran.outcome, ran.refund))
}

/// Runs one export, with nothing in its shadow.
pub(crate) fn run(
    ctx: &mut Ctx<'_>,
    mount: &Mount,
    export: Export<'_>,
    is_static: bool,
    gas: u64,
    records: bool,
) -> Result<Ran, ExecutionError> {
    let mode = match (&export, ctx.chain.standing(mount.address)) {
        (Export::Migrate { .. }, _) => Mode::Migrates,
        (Export::Call { .. }, Standing::ReadsAsAt(since)) => Mode::ReadsAsAt(since),
        _ => Mode::Plain,
    };
    let by_chain = matches!(export, Export::BeginBlock { .. } | Export::EndBlock { .. });
    ctx.chain.ensure_ready(mount.digest, mount.grants, &mount.limits)?;
    let unit = CallUnit {
        digest: mount.digest,
        grants: mount.grants,
        limits: mount.limits,
        warm: ctx.chain.is_warm(mount),
        is_static,
        export,
    };
    let engines = ctx.chain.runtime();
    ctx.chain.depth += 1;
    let begun = trace::engine_begins(ctx, mount, &unit.export, gas);
    let mut host = JournalHost::new(ctx, mount.address, mount.limits.subcall_depth, is_static, mode);
    if records {
        host.record_subcalls();
    }
    let (outcome, host_calls) = match begun {
        None => (engines.call(unit, &mut host as &mut dyn EngineHost, gas), Default::default()),
        Some(_) => {
            let mut recorded = Recorded::new(&mut host);
            let outcome = engines.call(unit, &mut recorded as &mut dyn EngineHost, gas);
            (outcome, recorded.into_calls())
        }
    };
    let (refund, subcalls) = (host.refund(), host.take_subcalls());
    ctx.chain.depth -= 1;
    let outcome = match outcome {
        Ok(outcome) => outcome,
        // A node failure inside a nested run is the cause of this one.
        Err(error) => return Err(ctx.chain.take_failure().unwrap_or(error.into())),
    };
    if let Some(begun) = begun {
        trace::engine_ends(ctx, begun, mount, &outcome, host_calls);
    }
    let fault = match outcome.result {
        EngineResult::Fault(fault) => Some(fault),
        _ => None,
    };
    if let Some(fault) = fault {
        ctx.chain.note_fault(fault);
    }
    ctx.chain.tally(mount.address, fault, by_chain);
    Ok(Ran { outcome, refund, subcalls })
}

/// Ethereum's precompiles, the registry and the mounted engines. All state is in the context.
#[derive(Clone, Copy)]
pub(crate) struct Precompiles;

impl<'e, 'a> PrecompileProvider<&'e mut Ctx<'a>> for Precompiles {
    type Output = InterpreterResult;

    fn set_spec(&mut self, _: SpecId) -> bool {
        false
    }

    fn run(&mut self, ctx: &mut &'e mut Ctx<'a>, inputs: &CallInputs) -> Result<Option<InterpreterResult>, String> {
        let address = inputs.bytecode_address;
        let Some(home) = ctx.chain.moved.home(address) else { return Ok(None) };
        if home != address {
            return EthPrecompiles::new(ctx.cfg.spec)
                .run(*ctx, &CallInputs { bytecode_address: home, ..inputs.clone() });
        }
        if address == registry::ADDRESS && inputs.target_address == address && ctx.chain.has_registry {
            return registry::run(ctx, inputs).map(Some).map_err(|failure| ctx.chain.fail(failure));
        }
        // By DELEGATECALL or a delegated account the engine would act on another account's storage: revm then runs
        // the account's code, which is INVALID.
        if inputs.target_address == address
            && let Some(mount) = ctx.chain.mount(address).cloned()
        {
            return call(ctx, &mount, inputs).map(Some).map_err(|failure| ctx.chain.fail(failure));
        }
        EthPrecompiles::new(ctx.cfg.spec).run(*ctx, inputs)
    }

    fn warm_addresses(&self) -> &AddressSet {
        // Asked only to warm the journal, which the context's set-up already did with the mounts included.
        EthPrecompiles::new(SPEC).precompiles.addresses_set()
    }
}

/// An EVM call that met an engine's address.
fn call(ctx: &mut Ctx<'_>, mount: &Mount, inputs: &CallInputs) -> Result<InterpreterResult, ExecutionError> {
    let standing = ctx.chain.standing(mount.address);
    if standing == Standing::Frozen {
        let gas = Gas::new_with_regular_gas_and_reservoir(inputs.gas_limit, inputs.reservoir);
        let frozen = abi::EngineFrozen { mount: mount.address };
        return Ok(InterpreterResult::new(InstructionResult::Revert, frozen.abi_encode().into(), gas));
    }
    let is_static = inputs.is_static || !standing.runs();
    let input = inputs.input.bytes_local(&ctx.local);
    let env = caldera_engine::CallEnv {
        caller: inputs.caller,
        origin: ctx.tx.caller,
        self_address: mount.address,
        value: inputs.value.get(),
        is_static,
        gas_left: inputs.gas_limit,
        block: crate::host::block_env(ctx),
    };
    let export = Export::Call { env, input: &input };
    let logs = ctx.journal().logs().len();
    let (outcome, refund) = run_engine(ctx, mount, export, is_static, inputs.gas_limit)?;
    trace::logs_were_told(ctx, logs);
    let mut gas = Gas::new_with_regular_gas_and_reservoir(inputs.gas_limit, inputs.reservoir);
    let (result, output) = match outcome.result {
        EngineResult::Return(output) => {
            gas.record_refund(refund);
            (InstructionResult::Return, output.into())
        }
        EngineResult::Revert(output) => (InstructionResult::Revert, output.into()),
        // Only `migrate` asks for more, and this is `call`.
        EngineResult::More(_) => (halt(ctx, Fault::Trap), Bytes::new()),
        EngineResult::Fault(Fault::StaticWrite) if is_static && !inputs.is_static => {
            return Ok(migrating(ctx, mount.address, inputs, outcome.fuel_used));
        }
        EngineResult::Fault(fault) => (halt(ctx, fault), Bytes::new()),
    };
    if result.is_halt() || !gas.record_regular_cost(outcome.gas_used) {
        gas.spend_all();
    }
    Ok(InterpreterResult::new(result, output, gas))
}

/// A write while the state is being migrated: the caller is told, and pays for what ran.
fn migrating(ctx: &Ctx<'_>, mount: Address, inputs: &CallInputs, fuel_used: u64) -> InterpreterResult {
    let (done, total) = match ctx.chain.phase(mount) {
        Some(Phase::Migrating(migration)) => (migration.done, migration.total),
        _ => (0, 0),
    };
    let mut gas = Gas::new_with_regular_gas_and_reservoir(inputs.gas_limit, inputs.reservoir);
    if !gas.record_regular_cost(metering::COLD_INSTANCE_GAS + metering::gas_of(fuel_used)) {
        gas.spend_all();
    }
    let output = abi::EngineMigrating { mount, done, total }.abi_encode();
    InterpreterResult::new(InstructionResult::Revert, output.into(), gas)
}

/// How revm names a fault, and where its user reads ours.
fn halt(ctx: &mut Ctx<'_>, fault: Fault) -> InstructionResult {
    match fault {
        Fault::OutOfFuel => InstructionResult::PrecompileOOG,
        Fault::StaticWrite => InstructionResult::StateChangeDuringStaticCall,
        Fault::TooDeep => InstructionResult::CallTooDeep,
        other => {
            if ctx.journal().depth() == 1 {
                ctx.local_mut().set_precompile_error_context(other.name().to_owned());
            }
            InstructionResult::PrecompileError
        }
    }
}
