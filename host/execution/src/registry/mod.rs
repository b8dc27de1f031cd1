//! The registry: a native contract at a fixed address that says which engine runs where, and who may change it.
//!
//! It is code of the host, so no engine can break it: a failed activation leaves it working. Its records lie in its own
//! account's storage, in the layout that engines use, so they are under the state root and can be proven.

pub mod abi;
pub(crate) mod commands;
mod convert;
pub(crate) mod entries;
mod records;

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, Bytes, Log, address};
use alloy_sol_types::{SolError, SolEvent, SolInterface, SolValue};
use caldera_engine::{GasMeter, HostError};
use caldera_state::StateView;
use caldera_types::{Digest, Fault, LastSwap, Mount, Phase, Swap, TxReceipt};
use revm::{
    context_interface::{ContextTr, JournalTr, journaled_state::account::JournaledAccountTr},
    interpreter::{CallInputs, Gas, InstructionResult, InterpreterResult},
    state::Bytecode,
};

use abi::IEngineRegistry::{self as registry, IEngineRegistryCalls as Calls};
pub(crate) use records::Kept;
pub use records::{Armed, Staged};

use crate::{error::ExecutionError, evm::Ctx, host, road, slots::Slots, trace};

/// Where the registry is: "caldera" in ASCII, below the addresses that anyone can reach by a key.
pub const ADDRESS: Address = address!("0000000000000000000000000063616c64657261");

/// INVALID: whoever runs the registry's code by DELEGATECALL meets it. Solidity only asks that there is code.
pub(crate) const CODE: Bytes = Bytes::from_static(&[0xfe]);

/// How a registry call can fail.
enum Failure {
    /// The caller's fault, told by a typed error.
    Revert(Bytes),
    /// Out of gas, a write in a static call, or this node's fault.
    Host(HostError),
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

fn revert(error: impl SolError) -> Failure {
    Failure::Revert(error.abi_encode().into())
}

/// Every mount of a state, by address.
pub fn mounts(mut view: &dyn StateView) -> Result<Vec<Mount>, ExecutionError> {
    let mut mounts = Vec::new();
    for address in entries::mount_addresses(&mut view)? {
        let missing = || ExecutionError::Registry { key: format!("mount/{address}"), why: "missing".into() };
        mounts.push(entries::mount(&mut view, address)?.ok_or_else(missing)?);
    }
    Ok(mounts)
}

/// Every staged component of a state, in the order of staging.
pub fn staged(mut view: &dyn StateView) -> Result<Vec<Staged>, ExecutionError> {
    let mut staged = Vec::new();
    for digest in entries::staged_digests(&mut view)? {
        staged.extend(entries::staged(&mut view, digest)?);
    }
    Ok(staged)
}

/// What is armed in a state, by mount.
pub fn armed(mut view: &dyn StateView) -> Result<Vec<Armed>, ExecutionError> {
    entries::armed(&mut view)
}

/// Every mount that is not simply active in a state, by address.
pub fn swaps(mut view: &dyn StateView) -> Result<Vec<Swap>, ExecutionError> {
    entries::swaps(&mut view)
}

/// How the last swap of each of these mounts ended, of those where one has.
pub fn last_swaps(mut view: &dyn StateView, mounts: &[Mount]) -> Result<BTreeMap<Address, LastSwap>, ExecutionError> {
    let mut ended = BTreeMap::new();
    for Mount { address, .. } in mounts {
        ended.extend(entries::last_swap(&mut view, *address)?.map(|last| (*address, last)));
    }
    Ok(ended)
}

/// The components that the block after a state may run: of what is mounted, on its way, on trial or armed.
pub fn components(view: &dyn StateView) -> Result<BTreeSet<Digest>, ExecutionError> {
    let mut digests: BTreeSet<_> = mounts(view)?.into_iter().map(|mount| mount.digest).collect();
    digests.extend(armed(view)?.into_iter().map(|armed| armed.digest));
    for Swap { phase, .. } in swaps(view)? {
        digests.extend(match phase {
            Phase::Migrating(migration) => Some(migration.target.digest),
            Phase::RollingBack(back) => Some(back.digest),
            Phase::Probation(probation) => Some(probation.previous.digest),
            Phase::Frozen(_) => None,
        });
    }
    Ok(digests)
}

/// Who governs a state.
pub fn governor(mut view: &dyn StateView) -> Result<Address, ExecutionError> {
    entries::governor(&mut view)
}

/// Whether a state is that of a development chain.
pub fn is_development(mut view: &dyn StateView) -> Result<bool, ExecutionError> {
    entries::is_development(&mut view)
}

/// Makes the registry in a chain that another client began: its account, who governs, and whether it is for development.
pub(crate) fn found(ctx: &mut Ctx<'_>, governor: Address, development: bool) -> Result<(), ExecutionError> {
    let failed = |error: &dyn std::fmt::Display| ExecutionError::Evm(error.to_string());
    // Somebody may have sent coins here before, and a chain of ours that went out and came in again has it already.
    let mut account = ctx.journal_mut().load_account_mut(ADDRESS).map_err(|error| failed(&error))?.data;
    account.set_nonce(1);
    account.set_code_and_hash_slow(Bytecode::new_legacy(CODE));
    account.touch();
    road::as_system(ctx, |slots| {
        entries::put_governor(slots, governor)?;
        if entries::is_development(slots)? != development {
            entries::put_development(slots, development)
        } else {
            Ok(())
        }
    })?;
    emit(ctx, &registry::GovernanceTransferred { from: Address::ZERO, to: governor });
    Ok(())
}

/// Who governs after the first block that was made here on top of another client's, given its receipts.
pub fn handed_over_to(receipts: &[TxReceipt]) -> Option<Address> {
    let log = receipts.first()?.logs().first().filter(|log| log.address == ADDRESS)?;
    Some(registry::GovernanceTransferred::decode_log(log).ok()?.data.to)
}

/// Emits an event of the registry.
pub(crate) fn emit(ctx: &mut Ctx<'_>, event: &impl SolEvent) {
    let log = Log { address: ADDRESS, data: event.encode_log_data() };
    trace::log_of_chain(ctx, &log);
    ctx.journal_mut().log(log);
}

/// A call that met the registry's address. `Err` is this node's fault.
pub(crate) fn run(ctx: &mut Ctx<'_>, inputs: &CallInputs) -> Result<InterpreterResult, ExecutionError> {
    let mut meter = GasMeter::new(inputs.gas_limit);
    let mut refund = 0;
    let result = dispatch(ctx, inputs, &mut meter, &mut refund);
    let mut gas = Gas::new_with_regular_gas_and_reservoir(inputs.gas_limit, inputs.reservoir);
    let (result, output) = match result {
        Ok(output) => {
            gas.record_refund(refund);
            (InstructionResult::Return, output)
        }
        Err(Failure::Revert(output)) => (InstructionResult::Revert, output),
        Err(Failure::Host(HostError::Fault(Fault::StaticWrite))) => {
            (InstructionResult::StateChangeDuringStaticCall, Bytes::new())
        }
        Err(Failure::Host(HostError::Fault(_))) => (InstructionResult::PrecompileOOG, Bytes::new()),
        Err(Failure::Host(HostError::Fatal(why))) => {
            return Err(ctx.chain.take_failure().unwrap_or(ExecutionError::Evm(why)));
        }
    };
    if result.is_halt() || !gas.record_regular_cost(meter.used()) {
        gas.spend_all();
    }
    Ok(InterpreterResult::new(result, output, gas))
}

fn dispatch(ctx: &mut Ctx<'_>, inputs: &CallInputs, gas: &mut GasMeter, refund: &mut i64) -> Result<Bytes, Failure> {
    if !inputs.value.get().is_zero() {
        return Err(revert(registry::NotPayable {}));
    }
    let input = inputs.input.bytes_local(&ctx.local);
    let call = Calls::abi_decode(&input).map_err(|_| {
        let mut selector = [0; 4];
        selector.iter_mut().zip(&input).for_each(|(to, from)| *to = *from);
        revert(registry::BadCall { selector: selector.into() })
    })?;
    let number = host::block_env(ctx).number;
    ctx.journal_mut().load_account(ADDRESS).map_err(|error| HostError::Fatal(error.to_string()))?;
    let mut slots = Slots { ctx, account: ADDRESS, gas, refund };
    if let Some(answer) = view(&mut slots, &call)? {
        return Ok(answer);
    }
    if inputs.is_static {
        return Err(HostError::Fault(Fault::StaticWrite).into());
    }
    let governor = entries::governor(&mut slots)?;
    if governor != inputs.caller {
        return Err(revert(registry::NotGovernor { caller: inputs.caller, governor }));
    }
    commands::run(&mut slots, number, governor, call)?;
    Ok(Bytes::new())
}

/// Answers a view function, or none if the call is a command.
fn view(slots: &mut Slots<'_, '_>, call: &Calls) -> Result<Option<Bytes>, Failure> {
    let answer = match call {
        Calls::governor(_) => entries::governor(slots)?.abi_encode(),
        Calls::mounts(_) => {
            let mut mounts = Vec::new();
            for address in entries::mount_addresses(slots)? {
                mounts.extend(entries::mount(slots, address)?.as_ref().map(registry::MountInfo::from));
            }
            mounts.abi_encode()
        }
        Calls::mountAt(call) => match entries::mount(slots, call.mount)? {
            Some(mount) => registry::MountInfo::from(&mount).abi_encode(),
            None => return Err(revert(registry::NotMounted { mount: call.mount })),
        },
        Calls::stagedComponent(call) => match entries::staged(slots, Digest(call.digest))? {
            Some(staged) => registry::StagedInfo::from(staged).abi_encode(),
            None => return Err(revert(registry::NotStaged { digest: call.digest })),
        },
        Calls::stagedDigests(_) => {
            entries::staged_digests(slots)?.into_iter().map(|digest| digest.0).collect::<Vec<_>>().abi_encode()
        }
        Calls::armed(_) => {
            entries::armed(slots)?.into_iter().map(registry::ArmedInfo::from).collect::<Vec<_>>().abi_encode()
        }
        Calls::swaps(_) => {
            entries::swaps(slots)?.into_iter().map(registry::SwapInfo::from).collect::<Vec<_>>().abi_encode()
        }
        Calls::lastSwap(call) => registry::LastSwapInfo::from(entries::last_swap(slots, call.mount)?).abi_encode(),
        _ => return Ok(None),
    };
    Ok(Some(answer.into()))
}
