//! The inspector that revm knows: it has no state, since nested runs of the EVM share the context and nothing else.

use alloy_primitives::{Address, Log, U256};
use revm::{
    Inspector,
    interpreter::{CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, Interpreter},
};

use super::{Tracer, listener::Listener};
use crate::{error::ExecutionError, evm::Ctx};

/// Tells the context's tracer.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    /// A contract that destroyed itself, to whom, with how many wei. revm tells it without the context, right before the end
    /// of its frame.
    destroyed: Option<(Address, Address, U256)>,
}

impl Tap {
    fn leave<'e, 'a>(
        &mut self,
        ctx: &mut &'e mut Ctx<'a>,
        output: usize,
        end: impl FnOnce(&mut Listener, &mut &'e mut Ctx<'a>),
    ) {
        let destroyed = self.destroyed.take();
        with(ctx, |tracer, ctx| {
            if let Some((contract, target, value)) = destroyed {
                Inspector::<&'e mut Ctx<'a>>::selfdestruct(&mut tracer.listener, contract, target, value);
            }
            end(&mut tracer.listener, ctx);
            tracer.leave(output);
        });
    }
}

/// Does something with the tracer, if there is one that listens. It is out of the context meanwhile, so that it can be
/// handed the context.
pub(super) fn with<'e, 'a, T>(
    ctx: &mut &'e mut Ctx<'a>,
    act: impl FnOnce(&mut Tracer, &mut &'e mut Ctx<'a>) -> T,
) -> Option<T> {
    let mut tracer = ctx.chain.tracer.take_if(|tracer| tracer.is_on())?;
    let value = act(&mut tracer, ctx);
    ctx.chain.tracer = Some(tracer);
    Some(value)
}

/// Ends the run: what interrupts it is found by `take_failure`.
fn halt(interpreter: &mut Interpreter, ctx: &mut Ctx<'_>, why: &'static str) {
    let text = ctx.chain.fail(ExecutionError::Stopped(why));
    ctx.error = Err(revm::context_interface::context::ContextError::Custom(text));
    interpreter.halt_fatal();
}

impl<'e, 'a> Inspector<&'e mut Ctx<'a>> for Tap {
    fn initialize_interp(&mut self, interpreter: &mut Interpreter, ctx: &mut &'e mut Ctx<'a>) {
        with(ctx, |tracer, ctx| tracer.listener.initialize_interp(interpreter, ctx));
    }

    fn step(&mut self, interpreter: &mut Interpreter, ctx: &mut &'e mut Ctx<'a>) {
        with(ctx, |tracer, ctx| match tracer.step(interpreter) {
            Some(why) => halt(interpreter, ctx, why),
            None => tracer.listener.step(interpreter, ctx),
        });
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, ctx: &mut &'e mut Ctx<'a>) {
        with(ctx, |tracer, ctx| tracer.listener.step_end(interpreter, ctx));
    }

    fn log(&mut self, ctx: &mut &'e mut Ctx<'a>, log: Log) {
        with(ctx, |tracer, ctx| match tracer.told_logs.checked_sub(1) {
            // The logs of an engine's frame were told when they were made.
            Some(left) => tracer.told_logs = left,
            None => tracer.listener.log(ctx, log),
        });
    }

    fn log_full(&mut self, interpreter: &mut Interpreter, ctx: &mut &'e mut Ctx<'a>, log: Log) {
        with(ctx, |tracer, ctx| tracer.listener.log_full(interpreter, ctx, log));
    }

    fn call(&mut self, ctx: &mut &'e mut Ctx<'a>, inputs: &mut CallInputs) -> Option<CallOutcome> {
        with(ctx, |tracer, ctx| {
            tracer.enter(Some(inputs.scheme), inputs.gas_limit, inputs.input.len());
            tracer.listener.call(ctx, inputs)
        })
        .flatten()
    }

    fn call_end(&mut self, ctx: &mut &'e mut Ctx<'a>, inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.leave(ctx, outcome.output().len(), |listener, ctx| listener.call_end(ctx, inputs, outcome));
    }

    fn create(&mut self, ctx: &mut &'e mut Ctx<'a>, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        with(ctx, |tracer, ctx| {
            tracer.enter(None::<CallScheme>, inputs.gas_limit(), inputs.init_code().len());
            tracer.listener.create(ctx, inputs)
        })
        .flatten()
    }

    fn create_end(&mut self, ctx: &mut &'e mut Ctx<'a>, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        self.leave(ctx, outcome.output().len(), |listener, ctx| listener.create_end(ctx, inputs, outcome));
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.destroyed = Some((contract, target, value));
    }
}
