//! Where a follower sends what it cannot do itself.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc};

use alloy_signer_local::PrivateKeySigner;
use caldera_validation::{Certified, Registration};
use jsonrpsee_types::ErrorObjectOwned;
use serde_json::Value;

/// The node that makes a followed chain's blocks.
pub trait Leader: Send + Sync {
    /// Asks it; its refusal is given on as it is.
    fn request(
        &self,
        method: &'static str,
        params: Vec<Value>,
    ) -> Pin<Box<dyn Future<Output = Result<Value, ErrorObjectOwned>> + Send + '_>>;
}

/// What some chains have beside themselves.
#[derive(Clone, Default)]
pub struct Beside {
    /// Published keys, which development chains sign with.
    pub keys: Vec<PrivateKeySigner>,
    /// The leaders of chains that follow, by the chain's name.
    pub leaders: BTreeMap<String, Arc<dyn Leader>>,
    /// What is known of the certificates of chains that have validators, by the chain's name.
    pub certified: BTreeMap<String, Arc<Certified>>,
    /// What the members of these chains' committees handed in to join, by the chain's name.
    pub registered: BTreeMap<String, Arc<[Registration]>>,
}
