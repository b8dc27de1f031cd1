//! What is asked, in the words of the interface.

use caldera_sdk::prelude::*;
use weave_rules::{StateUnit, abi::Weave as abi, unit};

use crate::{Weave, units::bare};

impl Weave {
    pub(crate) fn unit_of(&self, id: B256) -> Result<StateUnit, Revert> {
        self.issued(id)
    }

    pub(crate) fn right_unit_of(
        &self,
        env: &CallEnv,
        kind: u8,
        owner: Address,
        key: B256,
    ) -> Result<StateUnit, Revert> {
        self.issued(unit::id(&bare(env, (kind, owner, key))))
    }

    /// Zeros where none was ever accepted.
    pub(crate) fn right_of(&self, call: &abi::rightOfCall) -> abi::Right {
        let right = self.store.rights.get(&(call.origin, call.kind, call.owner, call.key));
        abi::Right {
            value: right.value,
            destination: right.destination,
            issued: right.issued,
            nonce: right.nonce,
            expiry: right.expiry,
            provenHeight: right.proven,
            provenAt: right.proven_at,
            endedHeight: right.ended,
        }
    }

    pub(crate) fn rule_of(&self, origin: u64, kind: u8, key: B256) -> Result<abi::Rule, Revert> {
        let rule = self.store.rule(origin, kind, key)?;
        Ok(abi::Rule {
            localKey: rule.local_key,
            maxStaleness: rule.max_staleness,
            expiryCap: rule.expiry_cap,
            cap: rule.cap,
        })
    }

    pub(crate) fn origin_of(&self, chain_id: u64) -> Result<abi::Origin, Revert> {
        let origin = self.store.origin(chain_id)?;
        Ok(abi::Origin {
            engine: origin.engine,
            maxLag: origin.max_lag,
            epoch: origin.epoch,
            committeeRoot: origin.committee,
            latestHeight: origin.latest,
            frozen: origin.frozen,
        })
    }

    pub(crate) fn root_of(&self, chain_id: u64, height: u64) -> (B256, B256, u64) {
        let root = self.store.roots.get(&(chain_id, height));
        (root.state_root, root.block_hash, root.at)
    }
}
