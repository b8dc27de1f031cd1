//! Going back to where a chain was.

use alloy_primitives::U64;
use jsonrpsee_core::RegisterMethodError;

use super::number::Number;
use crate::{args::Args, context::ChainApi, errors::Reply, methods::Param, module::Module};

const SNAPSHOT: Param = Param::new("snapshot", "Number");

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "Notes where the chain is; gives the name by which it can go back there, once.";
    for name in ["evm_snapshot", "anvil_snapshot"] {
        module.development(name, about, &[], "Quantity", |api, _| Ok(U64::from(api.chain.snapshot()?)))?;
    }
    let about = "Goes back to where the chain was; false if that place is not known, or used up.";
    for name in ["evm_revert", "anvil_revert"] {
        module.development(name, about, &[SNAPSHOT], "Flag", revert)?;
    }
    Ok(())
}

fn revert(api: &ChainApi, args: &mut Args<'_>) -> Reply<bool> {
    let Ok(id) = args.next::<Number>()?.small("the snapshot") else { return Ok(false) };
    let reverted = api.chain.revert(id)?;
    if reverted {
        api.filters.go_back(api.head_number());
    }
    Ok(reverted)
}
