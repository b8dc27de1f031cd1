//! Moving an engine pointer: what is due at a height goes live before the first transaction, or nothing changes.

use caldera_engine::{EngineResult, Export, GasMeter, HostError};
use caldera_types::{Mount, limits::ACTIVATION_GAS};
use revm::context_interface::{ContextTr, JournalTr, journaled_state::account::JournaledAccountTr};

use crate::{
    error::ExecutionError,
    evm::Ctx,
    mounts::run_engine,
    registry::{
        self, Armed,
        abi::IEngineRegistry as abi,
        commands::{is_free, set_engine_code},
        entries,
    },
    slots::Slots,
};

/// Why an activation did not happen.
enum Refusal {
    /// The engine's or the governor's doing: an event says so and the block goes on.
    Said(String),
    /// This node's own failure.
    Node(ExecutionError),
}

impl From<ExecutionError> for Refusal {
    fn from(error: ExecutionError) -> Self {
        Self::Node(error)
    }
}

impl From<HostError> for Refusal {
    fn from(error: HostError) -> Self {
        Self::Node(node_fault(error))
    }
}

/// The registry works here with gas without end, so its errors are this node's.
pub(crate) fn node_fault(error: HostError) -> ExecutionError {
    ExecutionError::Evm(error.to_string())
}

/// Runs `act` on the registry's own storage without a charge: the chain itself is acting.
pub(crate) fn as_system<T>(
    ctx: &mut Ctx<'_>,
    act: impl FnOnce(&mut Slots<'_, '_>) -> Result<T, HostError>,
) -> Result<T, ExecutionError> {
    ctx.journal_mut().load_account(registry::ADDRESS).map_err(|e| ExecutionError::Evm(e.to_string()))?;
    let (mut gas, mut refund) = (GasMeter::new(u64::MAX), 0);
    act(&mut Slots { ctx, account: registry::ADDRESS, gas: &mut gas, refund: &mut refund }).map_err(node_fault)
}

/// Activates what is due at `number`. Returns the gas that the engines used.
pub(crate) fn run(ctx: &mut Ctx<'_>, number: u64) -> Result<u64, ExecutionError> {
    let armed = as_system(ctx, |slots| entries::armed(slots))?;
    let (due, later): (Vec<_>, Vec<_>) = armed.into_iter().partition(|armed| armed.height <= number);
    if due.is_empty() {
        return Ok(0);
    }
    as_system(ctx, |slots| entries::put_armed(slots, &later))?;
    let mut gas_used = 0;
    for armed in due {
        gas_used += activate(ctx, &armed)?;
    }
    Ok(gas_used)
}

fn activate(ctx: &mut Ctx<'_>, armed: &Armed) -> Result<u64, ExecutionError> {
    let (mount, digest) = (armed.mount, armed.digest());
    let checkpoint = ctx.journal_mut().checkpoint();
    match attempt(ctx, armed) {
        Ok((next, from, gas_used)) => {
            ctx.journal_mut().checkpoint_commit();
            tracing::info!(%mount, %digest, generation = next.generation, "engine activated");
            registry::emit(
                ctx,
                &abi::Activated {
                    mount,
                    digest: digest.0,
                    generation: next.generation,
                    fromStateVersion: from,
                    toStateVersion: next.state_version,
                    gasUsed: gas_used,
                },
            );
            ctx.chain.put(next);
            let warm = ctx.chain.warm_addresses().clone();
            ctx.journal_mut().warm_precompiles(&warm);
            Ok(gas_used)
        }
        Err(Refusal::Said(reason)) => {
            ctx.journal_mut().checkpoint_revert(checkpoint);
            tracing::warn!(%mount, %digest, reason, "activation failed; the old engine stays");
            registry::emit(ctx, &abi::ActivationFailed { mount, digest: digest.0, reason });
            Ok(ACTIVATION_GAS)
        }
        Err(Refusal::Node(error)) => Err(error),
    }
}

/// The new mount, the state version before, and the gas used.
fn attempt(ctx: &mut Ctx<'_>, armed: &Armed) -> Result<(Mount, u32, u64), Refusal> {
    let staged = as_system(ctx, |slots| entries::staged(slots, armed.digest()))?
        .ok_or_else(|| Refusal::Said("the digest is not staged".to_owned()))?;
    let before = ctx.chain.mount(armed.mount).cloned();
    if before.is_none() && !is_free(ctx, armed.mount)? {
        return Err(Refusal::Said("the address has come to hold other code".to_owned()));
    }
    let next = Mount {
        address: armed.mount,
        digest: staged.digest,
        grants: staged.grants,
        limits: staged.limits,
        state_version: staged.state_version,
        generation: before.as_ref().map_or(0, |mount| mount.generation) + 1,
        hooks: staged.hooks,
        config: before.as_ref().map_or_else(|| armed.config.clone(), |mount| mount.config.clone()),
    };
    set_engine_code(ctx, next.address, next.digest)?;
    open_account(ctx, &next)?;
    let export = match &before {
        None => Some(Export::Init { config: &next.config }),
        Some(mount) if mount.state_version != next.state_version => {
            Some(Export::Migrate { from: mount.state_version, to: next.state_version, cursor: &[] })
        }
        Some(_) => None,
    };
    let gas_used = match export {
        Some(export) => run_export(ctx, &next, export)?,
        None => 0,
    };
    as_system(ctx, |slots| entries::put_mount(slots, &next))?;
    let from = before.map_or(next.state_version, |mount| mount.state_version);
    Ok((next, from, gas_used))
}

/// An engine's account has nonce 1 like a contract's, so that it is never empty (EIP-161).
fn open_account(ctx: &mut Ctx<'_>, mount: &Mount) -> Result<(), ExecutionError> {
    let mut account =
        ctx.journal_mut().load_account_mut(mount.address).map_err(|e| ExecutionError::Evm(e.to_string()))?;
    if account.data.nonce() == 0 {
        account.data.bump_nonce();
    }
    ctx.journal_mut().touch_account(mount.address);
    Ok(())
}

fn run_export(ctx: &mut Ctx<'_>, mount: &Mount, export: Export<'_>) -> Result<u64, Refusal> {
    let (outcome, _) = run_engine(ctx, mount, export, false, ACTIVATION_GAS)?;
    match outcome.result {
        EngineResult::Return(_) => Ok(outcome.gas_used),
        EngineResult::More(_) => Err(Refusal::Said("the migration takes more than one step".to_owned())),
        EngineResult::Revert(message) => Err(Refusal::Said(String::from_utf8_lossy(&message).into_owned())),
        EngineResult::Fault(fault) => Err(Refusal::Said(fault.name().to_owned())),
    }
}

/// Mounts a staged component in the genesis block. A refusal is the configuration's fault.
pub(crate) fn run_genesis(ctx: &mut Ctx<'_>, armed: &Armed) -> Result<(), ExecutionError> {
    let genesis = |why| ExecutionError::Genesis { address: armed.mount, why };
    match attempt(ctx, armed) {
        Ok((mount, ..)) => {
            ctx.chain.put(mount);
            Ok(())
        }
        Err(Refusal::Said(why)) => Err(genesis(why)),
        Err(Refusal::Node(error)) => Err(error),
    }
}
