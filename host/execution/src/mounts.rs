//! Engines where revm expects precompiles: the dispatch of EVM calls to them.

use alloy_primitives::{Bytes, map::AddressSet};
use caldera_engine::{CallOutcome, CallUnit, EngineHost, EngineResult, Export};
use caldera_types::{Digest, Fault, Mount};
use revm::{
    context::{ContextTr, LocalContextTr},
    context_interface::JournalTr,
    handler::{EthPrecompiles, PrecompileProvider},
    interpreter::{CallInputs, Gas, InstructionResult, InterpreterResult},
    primitives::hardfork::SpecId,
};

use crate::{
    error::ExecutionError,
    evm::{Ctx, SPEC},
    host::JournalHost,
    registry,
};

/// What stands as code at an engine's address: INVALID and the component's digest.
///
/// Solidity asks EXTCODESIZE before a call, so there must be code; whoever runs it by DELEGATECALL meets INVALID; and
/// EXTCODEHASH tells contracts which component runs, under the state root.
pub fn engine_code(digest: Digest) -> Bytes {
    [&[0xfe], digest.0.as_slice()].concat().into()
}

/// Runs one export of an engine on the journal and gives back what it did, with the refund it earned.
pub(crate) fn run_engine(
    ctx: &mut Ctx<'_>,
    mount: &Mount,
    export: Export<'_>,
    is_static: bool,
    gas: u64,
) -> Result<(CallOutcome, i64), ExecutionError> {
    ctx.chain.ensure_ready(mount.digest, mount.grants, &mount.limits)?;
    let unit = CallUnit {
        digest: mount.digest,
        grants: mount.grants,
        limits: mount.limits,
        warm: ctx.chain.is_warm(mount.digest),
        is_static,
        export,
    };
    let engines = ctx.chain.runtime();
    ctx.chain.depth += 1;
    let mut host = JournalHost::new(ctx, mount.address, mount.limits.subcall_depth, is_static);
    let outcome = engines.call(unit, &mut host as &mut dyn EngineHost, gas);
    let refund = host.refund();
    ctx.chain.depth -= 1;
    let outcome = match outcome {
        Ok(outcome) => outcome,
        // A node failure inside a nested run is the cause of this one.
        Err(error) => return Err(ctx.chain.take_failure().unwrap_or(error.into())),
    };
    if let EngineResult::Fault(fault) = outcome.result {
        ctx.chain.note_fault(fault);
    }
    Ok((outcome, refund))
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
        if address == registry::ADDRESS && inputs.target_address == address {
            return registry::run(ctx, inputs).map(Some).map_err(|failure| ctx.chain.fail(failure));
        }
        // By DELEGATECALL or a delegated account the engine would act on another account's storage: revm then runs
        // the account's code, which is INVALID.
        if inputs.target_address == address
            && let Some(mount) = ctx.chain.mount(address).cloned()
        {
            return call(ctx, &mount, inputs).map(Some).map_err(|failure| ctx.chain.fail(failure));
        }
        EthPrecompiles::new(SPEC).run(*ctx, inputs)
    }

    fn warm_addresses(&self) -> &AddressSet {
        // Asked only to warm the journal, which the context's set-up already did with the mounts included.
        EthPrecompiles::new(SPEC).precompiles.addresses_set()
    }
}

/// An EVM call that met an engine's address.
fn call(ctx: &mut Ctx<'_>, mount: &Mount, inputs: &CallInputs) -> Result<InterpreterResult, ExecutionError> {
    let input = inputs.input.bytes_local(&ctx.local);
    let env = caldera_engine::CallEnv {
        caller: inputs.caller,
        origin: ctx.tx.caller,
        self_address: mount.address,
        value: inputs.value.get(),
        is_static: inputs.is_static,
        gas_left: inputs.gas_limit,
        block: crate::host::block_env(ctx),
    };
    let export = Export::Call { env, input: &input };
    let (outcome, refund) = run_engine(ctx, mount, export, inputs.is_static, inputs.gas_limit)?;
    let mut gas = Gas::new_with_regular_gas_and_reservoir(inputs.gas_limit, inputs.reservoir);
    let (result, output) = match outcome.result {
        EngineResult::Return(output) => {
            gas.record_refund(refund);
            (InstructionResult::Return, output.into())
        }
        EngineResult::Revert(output) => (InstructionResult::Revert, output.into()),
        // Only `migrate` gives it, and this is `call`.
        EngineResult::More(_) => (InstructionResult::Revert, Bytes::new()),
        EngineResult::Fault(fault) => (halt(ctx, fault), Bytes::new()),
    };
    if result.is_halt() || !gas.record_regular_cost(outcome.gas_used) {
        gas.spend_all();
    }
    Ok(InterpreterResult::new(result, output, gas))
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
