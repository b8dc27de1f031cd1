//! A move to another generation that never becomes part of a block: what a shadow does with its copy of the state.

use alloy_primitives::Address;
use caldera_types::{Cause, Generation, Phase};
use revm::context_interface::{ContextTr, JournalTr};

use super::{Refusal, activate, step};
use crate::{error::ExecutionError, evm::Ctx};

/// Takes every step of moving a mount to `target`, as if each were in a block of its own, but does not move the pointer.
/// What is refused is told as the event `ActivationFailed` would. The changes are in the context's database.
pub(crate) fn rehearse(
    ctx: &mut Ctx<'_>,
    mount: Address,
    target: Generation,
    number: u64,
) -> Result<Result<(), String>, ExecutionError> {
    let before = ctx.chain.mount(mount).cloned();
    let mut migration = activate::begin(target, Cause::Armed, number, None);
    loop {
        ctx.chain.set_phase(mount, Some(Phase::Migrating(migration.clone())));
        let reached = match step::run(ctx, mount, before.as_ref(), &mut migration) {
            Ok(reached) => reached,
            Err(Refusal::Said(reason)) => return Ok(Err(reason)),
            Err(Refusal::Node(error)) => return Err(error),
        };
        let changes = ctx.journal_mut().finalize();
        ctx.journal_mut().db_mut().fold(changes);
        if let step::Reached::End = reached {
            return Ok(Ok(()));
        }
    }
}
