//! The access list (EIP-2930) that a call would profit from: `eth_createAccessList`.
//!
//! It is read from the journal, which holds every account and slot that was met, in frames that were undone and by engines
//! as well; so it needs no tracer and misses nothing that costs gas.

use std::collections::BTreeSet;

use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, TxKind};
use caldera_types::BlockEnv;
use revm::context_interface::{ContextTr, JournalTr};

use crate::{
    Ground,
    call_error::CallError,
    evm::Ctx,
    simulate::{self, Simulation, SimulationRequest},
};

/// Runs until the list stays the same: a call that asks for its gas may take another way once the list makes it cheaper.
const MAX_ROUNDS: usize = 8;

/// A call and its access list.
#[derive(Clone, Debug)]
pub struct AccessListed {
    /// What the call meets, in order of address: neither sender, callee nor what is warm in every transaction.
    pub access_list: AccessList,
    /// The call with that list.
    pub simulation: Simulation,
}

/// Finds the access list of a call on a state, as if in block `env`.
pub fn access_list(ground: Ground<'_>, env: &BlockEnv, request: &SimulationRequest) -> Result<AccessListed, CallError> {
    let mut request = request.clone();
    for _ in 1..MAX_ROUNDS {
        let found = round(ground, env, &request)?;
        if found.access_list == request.access_list {
            return Ok(found);
        }
        request.access_list = found.access_list;
    }
    round(ground, env, &request)
}

fn round(ground: Ground<'_>, env: &BlockEnv, request: &SimulationRequest) -> Result<AccessListed, CallError> {
    let mut ctx = simulate::question(ground, env, request)?;
    let callee = match request.to {
        TxKind::Call(to) => to,
        // Warm as well, and in no journal as created if the creation failed.
        TxKind::Create => request.from.create(simulate::nonce(&ctx, request)?),
    };
    let simulation = simulate::run(&mut ctx, request)?;
    Ok(AccessListed { access_list: met(&mut ctx, request, callee), simulation })
}

/// What the journal met, less what costs no more without a list.
fn met(ctx: &mut Ctx<'_>, request: &SimulationRequest, callee: Address) -> AccessList {
    let mut free: BTreeSet<Address> = ctx.chain.warm_addresses().iter().copied().collect();
    free.extend([request.from, callee, ctx.block.beneficiary]);
    free.extend(request.authorizations.iter().filter_map(|signed| signed.recover_authority().ok()));
    let mut items: Vec<AccessListItem> = Vec::new();
    for (address, account) in ctx.journal_mut().finalize() {
        let mut storage_keys: Vec<B256> = account.storage.keys().map(|slot| B256::from(*slot)).collect();
        storage_keys.sort_unstable();
        // A contract that the call itself creates is warm.
        if !storage_keys.is_empty() || !(free.contains(&address) || account.is_created()) {
            items.push(AccessListItem { address, storage_keys });
        }
    }
    items.sort_unstable_by_key(|item| item.address);
    AccessList(items)
}
