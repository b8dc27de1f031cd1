//! Acting in the name of an account whose key nobody here has.

use jsonrpsee_core::RegisterMethodError;

use crate::{
    methods::{Param, param::ADDRESS},
    module::Module,
};

const ON: Param = Param::new("on", "Flag");

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "Lets eth_sendTransaction act in the name of an account.";
    for name in ["anvil_impersonateAccount", "hardhat_impersonateAccount"] {
        module.development(name, about, &[ADDRESS], "Flag", |api, args| {
            api.chain.impersonate(args.next()?, true)?;
            Ok(true)
        })?;
    }
    let about = "Ends that; whether or not it had begun.";
    for name in ["anvil_stopImpersonatingAccount", "hardhat_stopImpersonatingAccount"] {
        module.development(name, about, &[ADDRESS], "Flag", |api, args| {
            api.chain.impersonate(args.next()?, false)?;
            Ok(true)
        })?;
    }
    let about = "Lets eth_sendTransaction act in the name of every account, or no longer.";
    module.development("anvil_autoImpersonateAccount", about, &[ON], "Flag", |api, args| {
        api.chain.impersonate_everybody(args.next()?)?;
        Ok(true)
    })
}
