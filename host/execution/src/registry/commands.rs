//! What the governor can tell the registry to do.

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::{SolCall, SolEvent};
use caldera_engine::{HostError, StageError};
use caldera_types::{
    Cause, Component, Digest, EngineLimits, Generation, Grants, LastSwap, Mount, Outcome, Phase, ProbationRule, limits,
};
use revm::{
    context_interface::{ContextTr, JournalTr},
    handler::EthPrecompiles,
};

use super::{
    ADDRESS, Failure,
    abi::IEngineRegistry::{self as registry, IEngineRegistryCalls as Calls},
    entries,
    records::{Armed, Staged},
    revert,
};
use crate::{
    error::ExecutionError,
    evm::{Ctx, SPEC},
    mounts::engine_code,
    road,
    slots::{Slots, fatal},
};

/// EVM gas of a log, and of each of its topics.
const LOG_GAS: u64 = 375;
/// EVM gas of a byte of a log's data.
const LOG_BYTE_GAS: u64 = 8;

/// Runs a command whose caller is the governor.
pub(super) fn run(slots: &mut Slots<'_, '_>, number: u64, governor: Address, call: Calls) -> Result<(), Failure> {
    match call {
        Calls::stage(call) => stage(slots, number, call),
        Calls::arm(call) => arm(slots, number, call),
        Calls::disarm(call) => disarm(slots, call.mount),
        Calls::abort(call) => abort(slots, number, call.mount),
        Calls::transferGovernance(call) => transfer(slots, governor, call.to),
        Calls::beginBlock(_) => Err(bad_call(registry::beginBlockCall::SELECTOR)),
        Calls::endBlock(_) => Err(bad_call(registry::endBlockCall::SELECTOR)),
        _ => Ok(()),
    }
}

fn bad_call(selector: [u8; 4]) -> Failure {
    revert(registry::BadCall { selector: selector.into() })
}

fn stage(slots: &mut Slots<'_, '_>, number: u64, call: registry::stageCall) -> Result<(), Failure> {
    let digest = Digest(call.digest);
    slots.gas.charge(limits::STAGE_BASE_GAS)?;
    slots.gas.charge(limits::STAGE_GAS_PER_BYTE.saturating_mul(call.size.into()))?;
    let grants =
        Grants::from_bits(call.grants).ok_or_else(|| revert(registry::UnknownGrants { grants: call.grants }))?;
    let engine_limits = EngineLimits::from(call.limits);
    if let Some(limit) = engine_limits.excess() {
        return Err(revert(registry::LimitTooHigh { limit: limit.to_owned() }));
    }
    let known = entries::staged(slots, digest)?.is_some();
    let component = component(slots.ctx, digest, known)?
        .ok_or_else(|| revert(registry::ComponentUnavailable { digest: digest.0 }))?;
    // At most MAX_COMPONENT_BYTES, so it fits.
    let actual = component.bytes().len() as u32;
    if call.size != actual {
        return Err(revert(registry::SizeMismatch { size: call.size, actual }));
    }
    let described = slots.ctx.chain.runtime().stage(&component, grants, &engine_limits);
    let description = described.map_err(|error| match error {
        StageError::Rejected(why) => revert(registry::ComponentRejected { digest: digest.0, reason: why.to_string() }),
        StageError::Node(error) => node_failure(slots.ctx, error.into()),
    })?;
    let staged = Staged {
        digest,
        grants,
        limits: engine_limits,
        name: description.name,
        version: description.version,
        state_version: description.state_version,
        hooks: description.hooks,
        staged_at: number,
    };
    entries::put_staged(slots, &staged)?;
    let (name, version) = (staged.name, staged.version);
    emit(slots, &registry::Staged { digest: digest.0, size: actual, grants: call.grants, name, version })
}

/// The bytes of a component: from an earlier block if it is known there, else from this block's sidecar.
///
/// What is taken from the sidecar must travel with the block, even if it is then rejected: a replay has to see the
/// same rejection.
fn component(ctx: &mut Ctx<'_>, digest: Digest, known: bool) -> Result<Option<Component>, Failure> {
    if known {
        return match ctx.chain.stored_component(digest) {
            Ok(component) => Ok(Some(component)),
            Err(error) => Err(node_failure(ctx, error)),
        };
    }
    Ok(ctx.chain.sidecar.take(digest).cloned())
}

fn node_failure(ctx: &mut Ctx<'_>, error: ExecutionError) -> Failure {
    HostError::Fatal(ctx.chain.fail(error)).into()
}

fn arm(slots: &mut Slots<'_, '_>, number: u64, call: registry::armCall) -> Result<(), Failure> {
    let digest = Digest(call.digest);
    let Some(staged) = entries::staged(slots, digest)? else {
        return Err(revert(registry::NotStaged { digest: digest.0 }));
    };
    if call.height <= number {
        return Err(revert(registry::HeightNotAhead { height: call.height, current: number }));
    }
    let mut armed = entries::armed(slots)?;
    if let Some(earlier) = armed.iter().find(|armed| armed.mount == call.mount) {
        return Err(revert(registry::AlreadyArmed { mount: call.mount, height: earlier.height }));
    }
    if armed.iter().any(|armed| armed.height == call.height) {
        return Err(revert(registry::HeightTaken { height: call.height }));
    }
    if call.config.len() > limits::MAX_CONFIG_BYTES {
        let reason = format!("{} bytes, at most {} are allowed", call.config.len(), limits::MAX_CONFIG_BYTES);
        return Err(revert(registry::BadConfig { reason }));
    }
    let probation = ProbationRule::from(call.probation);
    if let Some(problem) = probation.problem() {
        return Err(revert(registry::BadProbation { reason: problem.to_owned() }));
    }
    match entries::mount(slots, call.mount)? {
        Some(mount) => must_change(slots, &mount, &staged, &call.config)?,
        None => must_be_free(slots, call.mount, armed.len(), &probation)?,
    }
    let place = armed.partition_point(|armed| armed.mount < call.mount);
    let entry = Armed { mount: call.mount, digest, height: call.height, config: call.config, probation };
    armed.insert(place, entry);
    entries::put_armed(slots, &armed)?;
    let probation = probation.into();
    emit(slots, &registry::Armed { mount: call.mount, digest: digest.0, height: call.height, probation })
}

/// A mount that exists: it must not be in the middle of a migration, and something must change.
fn must_change(slots: &mut Slots<'_, '_>, mount: &Mount, staged: &Staged, config: &Bytes) -> Result<(), Failure> {
    match entries::phase(slots, mount.address)? {
        Some(phase @ (Phase::Migrating(_) | Phase::RollingBack(_))) => {
            return Err(revert(registry::Busy { mount: mount.address, phase: phase.name().to_owned() }));
        }
        // A frozen mount may be given what it has, with another layout read by the same component.
        Some(Phase::Frozen(_)) => return Ok(()),
        Some(Phase::Probation(_)) | None => {}
    }
    let config = if config.is_empty() { &mount.config } else { config };
    if staged.generation(config.clone()) == Generation::from(mount) {
        return Err(revert(registry::NothingToChange { mount: mount.address }));
    }
    Ok(())
}

/// A mount that does not exist yet: there must be room for it.
fn must_be_free(
    slots: &mut Slots<'_, '_>,
    mount: Address,
    armed: usize,
    probation: &ProbationRule,
) -> Result<(), Failure> {
    if !probation.is_none() {
        let reason = "a new mount has no generation to go back to".to_owned();
        return Err(revert(registry::BadProbation { reason }));
    }
    if entries::mount_addresses(slots)?.len() + armed >= limits::MAX_MOUNTS {
        return Err(revert(registry::TooManyMounts { most: limits::MAX_MOUNTS.try_into().unwrap_or_default() }));
    }
    match is_free(slots.ctx, mount)? {
        true => Ok(()),
        false => Err(revert(registry::AddressNotFree { mount })),
    }
}

/// Ends a migration that the governor began. One by which a probation goes back cannot be ended.
fn abort(slots: &mut Slots<'_, '_>, number: u64, mount: Address) -> Result<(), Failure> {
    match entries::phase(slots, mount)? {
        Some(Phase::Migrating(migration)) if migration.cause == Cause::Armed => {
            let digest = migration.target.digest;
            let back = road::roll_back(migration);
            entries::put_phase(slots, mount, Some(&back))?;
            entries::put_last_swap(slots, mount, &LastSwap { digest, outcome: Outcome::Failed, height: number })?;
            let reason = "ended by the governor".to_owned();
            emit(slots, &registry::ActivationFailed { mount, digest: digest.0, reason })
        }
        _ => Err(revert(registry::NotMigrating { mount })),
    }
}

/// Whether an engine can be mounted where none is: no reserved address and no code of another kind.
pub(crate) fn is_free(ctx: &mut Ctx<'_>, address: Address) -> Result<bool, HostError> {
    if address == ADDRESS || address.is_zero() || EthPrecompiles::new(SPEC).contains(&address) {
        return Ok(false);
    }
    let account = ctx.journal_mut().load_account_with_code(address).map_err(fatal)?;
    Ok(account.data.info.is_empty_code_hash())
}

fn disarm(slots: &mut Slots<'_, '_>, mount: Address) -> Result<(), Failure> {
    let mut armed = entries::armed(slots)?;
    let Some(place) = armed.iter().position(|armed| armed.mount == mount) else {
        return Err(revert(registry::NotArmed { mount }));
    };
    let removed = armed.remove(place);
    entries::put_armed(slots, &armed)?;
    emit(slots, &registry::Disarmed { mount, digest: removed.digest.0 })
}

fn transfer(slots: &mut Slots<'_, '_>, from: Address, to: Address) -> Result<(), Failure> {
    if to.is_zero() {
        return Err(revert(registry::ZeroGovernor {}));
    }
    entries::put_governor(slots, to)?;
    emit(slots, &registry::GovernanceTransferred { from, to })
}

/// Emits an event, charged as LOG charges it.
fn emit(slots: &mut Slots<'_, '_>, event: &impl SolEvent) -> Result<(), Failure> {
    let data = event.encode_log_data();
    let topics = data.topics().len() as u64;
    slots.gas.charge(LOG_GAS * (1 + topics) + LOG_BYTE_GAS * data.data.len() as u64)?;
    super::emit(slots.ctx, event);
    Ok(())
}

/// The code that marks an engine's account, as revm stores it.
pub(crate) fn set_engine_code(ctx: &mut Ctx<'_>, address: Address, digest: Digest) -> Result<(), HostError> {
    ctx.journal_mut().load_account(address).map_err(fatal)?;
    ctx.journal_mut().set_code(address, revm::state::Bytecode::new_legacy(engine_code(digest)));
    Ok(())
}
