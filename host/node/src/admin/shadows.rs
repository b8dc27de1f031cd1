//! The shadow runs of one chain, as the admin API asks for them.

use std::sync::{Arc, Weak};

use alloy_primitives::Address;
use caldera_api::admin::port::{ShadowError, ShadowPlan, ShadowReport, Shadows};
use caldera_chain::Chain;

/// One chain's. Does not keep it open.
pub struct ChainShadows {
    chain: Weak<Chain>,
}

impl ChainShadows {
    /// None is under way yet.
    pub fn new(chain: &Arc<Chain>) -> Self {
        Self { chain: Arc::downgrade(chain) }
    }
}

impl Shadows for ChainShadows {
    fn start(&self, _plan: ShadowPlan) -> Result<(), ShadowError> {
        match self.chain.upgrade() {
            Some(_) => Err(ShadowError::Node("this build has no shadow runs".to_owned())),
            None => Err(ShadowError::Node("the chain is closed".to_owned())),
        }
    }

    fn stop(&self, mount: Address) -> Result<(), ShadowError> {
        Err(ShadowError::NotRunning(mount))
    }

    fn reports(&self) -> Vec<ShadowReport> {
        Vec::new()
    }
}
