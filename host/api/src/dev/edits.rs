//! Changes of the state by hand. Each is a block.

use alloy_primitives::{Address, B256, Bytes};
use alloy_serde::JsonStorageKey;
use caldera_execution::StateEdit;
use jsonrpsee_core::RegisterMethodError;

use super::number::Number;
use crate::{
    args::Args,
    context::ChainApi,
    errors::Reply,
    methods::{Param, param::ADDRESS},
    module::Module,
};

const BALANCE: Param = Param::new("balance", "Number");
const NONCE: Param = Param::new("nonce", "Number");
const CODE: Param = Param::new("code", "Bytes");
const SLOT: Param = Param::new("slot", "Slot");
const VALUE: Param = Param::new("value", "Hash");

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    for name in ["anvil_setBalance", "hardhat_setBalance"] {
        module.development(name, "Sets the wei of an account.", &[ADDRESS, BALANCE], "Flag", |api, args| {
            let (address, balance): (Address, Number) = (args.next()?, args.next()?);
            edit(api, StateEdit::Balance { address, balance: balance.0 })
        })?;
    }
    for name in ["anvil_setNonce", "hardhat_setNonce"] {
        module.development(name, "Sets the next nonce of an account.", &[ADDRESS, NONCE], "Flag", |api, args| {
            let (address, nonce): (Address, Number) = (args.next()?, args.next()?);
            edit(api, StateEdit::Nonce { address, nonce: nonce.small("the nonce")? })
        })?;
    }
    for name in ["anvil_setCode", "hardhat_setCode"] {
        module.development(name, "Sets the code of an account.", &[ADDRESS, CODE], "Flag", |api, args| {
            let (address, code): (Address, Bytes) = (args.next()?, args.next()?);
            edit(api, StateEdit::Code { address, code })
        })?;
    }
    for name in ["anvil_setStorageAt", "hardhat_setStorageAt"] {
        module.development(name, "Sets one slot of an account.", &[ADDRESS, SLOT, VALUE], "Flag", set_slot)?;
    }
    Ok(())
}

fn set_slot(api: &ChainApi, args: &mut Args<'_>) -> Reply<bool> {
    let (address, slot): (Address, JsonStorageKey) = (args.next()?, args.next()?);
    let value: B256 = args.next()?;
    edit(api, StateEdit::Slot { address, slot: slot.as_b256().into(), value })
}

fn edit(api: &ChainApi, edit: StateEdit) -> Reply<bool> {
    api.chain.edit(&edit)?;
    Ok(true)
}
