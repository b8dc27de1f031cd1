//! Taking back what waits for a block.

use alloy_primitives::B256;
use jsonrpsee_core::RegisterMethodError;

use crate::{
    methods::param::{ADDRESS, TRANSACTION_HASH},
    module::Module,
};

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "Drops a transaction that waits; false if it does not.";
    module.development("hardhat_dropTransaction", about, &[TRANSACTION_HASH], "Flag", |api, args| {
        Ok(api.chain.drop_transaction(args.next()?)?)
    })?;
    let about = "Drops a transaction that waits, and gives its hash; null if it does not wait.";
    module.development("anvil_dropTransaction", about, &[TRANSACTION_HASH], "HashOrNull", |api, args| {
        let hash: B256 = args.next()?;
        Ok(api.chain.drop_transaction(hash)?.then_some(hash))
    })?;
    let about = "Drops all transactions that wait.";
    module.development("anvil_dropAllTransactions", about, &[], "Nothing", |api, _| {
        Ok(api.chain.drop_transactions(None)?)
    })?;
    let about = "Drops all transactions of an account that wait.";
    module.development("anvil_removePoolTransactions", about, &[ADDRESS], "Nothing", |api, args| {
        Ok(api.chain.drop_transactions(Some(args.next()?))?)
    })
}
