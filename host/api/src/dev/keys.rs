//! The keys that a development chain signs with. They are published: whoever can reach the node has them anyway.

use std::sync::Arc;

use alloy_primitives::Address;
use alloy_signer_local::PrivateKeySigner;
use jsonrpsee_core::RegisterMethodError;

use crate::{
    errors::{Reply, RpcError},
    module::Module,
};

/// The keys in the order of their accounts: none on a chain that is not for development.
#[derive(Clone, Default)]
pub(crate) struct Keys(Arc<[PrivateKeySigner]>);

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "Accounts whose keys this node holds: those of a development chain, else none.";
    module.quick("eth_accounts", about, &[], "Addresses", |api, _| Ok(api.keys.accounts()))
}

impl Keys {
    pub(crate) fn new(keys: &[PrivateKeySigner]) -> Self {
        Self(keys.into())
    }

    /// Their addresses.
    pub(super) fn accounts(&self) -> Vec<Address> {
        self.0.iter().map(PrivateKeySigner::address).collect()
    }

    /// The key of an account.
    pub(super) fn of(&self, account: Address) -> Option<&PrivateKeySigner> {
        self.0.iter().find(|key| key.address() == account)
    }

    /// The same; it must be there.
    pub(super) fn must_have(&self, account: Address) -> Reply<&PrivateKeySigner> {
        let unknown = || {
            RpcError::InvalidParams(format!(
                "unknown account {account}: it is none of eth_accounts, whose keys this node has"
            ))
        };
        self.of(account).ok_or_else(unknown)
    }
}
