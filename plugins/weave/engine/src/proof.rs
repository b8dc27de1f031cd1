//! Whether another chain's state has a unit.

use caldera_sdk::{crypto::keccak256, prelude::*, verify};
use weave_rules::{StateUnit, abi::Weave as abi, place, unit};

use crate::{
    Weave,
    store::{Root, Rule},
};

impl Weave {
    /// Proves a unit that is to take effect here; gives the rule that it does so by, and the root.
    pub(crate) fn prove(
        &mut self,
        env: &CallEnv,
        unit: &StateUnit,
        proof: &abi::Proof,
        certificate: &[u8],
    ) -> Result<Root, Revert> {
        let id = unit::id(unit);
        let origin = self.store.thawed(unit.origin)?;
        ensure!(unit.issuer == origin.engine, abi::WrongIssuer { issuer: unit.issuer, expected: origin.engine });
        let (destination, chain_id) = (unit.destination, env.block.chain_id);
        ensure!(destination == chain_id || destination == 0, abi::WrongChain { destination, chainId: chain_id });
        let (expiry, timestamp) = (unit.expiry, env.block.timestamp_s);
        ensure!(expiry == 0 || expiry > timestamp, abi::Expired { expiry, timestamp });
        ensure!(unit.issued <= proof.height, abi::FutureUnit { issued: unit.issued, height: proof.height });
        let root = self.root(env, unit.origin, proof.height, certificate)?;
        let found = read(root.state_root, origin.engine, id, proof)?;
        let want = place::leaf(&unit::commitment(unit));
        ensure!(found.as_deref() == Some(want.as_slice()), abi::NotCommitted { id });
        Ok(root)
    }
}

/// Refuses a root that was certified here too long ago for the rule.
pub(crate) fn must_be_fresh(env: &CallEnv, rule: &Rule, root: &Root, chain_id: u64, height: u64) -> Result<(), Revert> {
    let age = env.block.timestamp_s.saturating_sub(root.at);
    ensure!(rule.max_staleness == 0 || age <= rule.max_staleness, abi::StaleRoot { chainId: chain_id, height });
    Ok(())
}

/// What stands in a unit's slot of an engine, in RLP, under a state root.
pub(crate) fn read(state_root: B256, engine: Address, id: B256, proof: &abi::Proof) -> Result<Option<Vec<u8>>, Revert> {
    let bad_account = |reason: &str| abi::BadAccountProof { reason: reason.into() };
    let account = keccak256(engine.as_slice());
    let account = verify::prove(state_root, account.as_slice(), &proof.accountProof)
        .map_err(|failure| bad_account(failure.name()))?
        .ok_or_else(|| bad_account("absent"))?;
    let storage_root = place::storage_root(&account).ok_or_else(|| bad_account("no-account"))?;
    let slot = keccak256(place::slot(id).as_slice());
    Ok(verify::prove(storage_root, slot.as_slice(), &proof.storageProof)
        .map_err(|failure| abi::BadStorageProof { reason: failure.name().into() })?)
}
