//! From calls to the functions that answer them.

use caldera_sdk::prelude::*;
use weave_rules::abi::Weave::{self as abi, WeaveCalls as Calls};

use crate::store::Store;

/// The weave engine.
#[derive(Default)]
pub struct Weave {
    pub(crate) store: Store,
}

impl Engine for Weave {
    type Calls = Calls;
    const NAME: &'static str = "weave";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABI: &'static str = crate::ABI;
    const PAYABLE: &'static [[u8; 4]] = &[abi::lockCall::SELECTOR, abi::bondCall::SELECTOR];

    fn init(&mut self, config: &[u8]) -> Result<(), String> {
        self.set_up(config)
    }

    fn configure(&mut self, config: &[u8]) -> Result<(), String> {
        self.set_up_anew(config)
    }

    fn call(&mut self, env: &CallEnv, call: Calls) -> Result<Vec<u8>, Revert> {
        match call {
            Calls::setGovernor(c) => answer(c, |c| self.set_governor(env, c.governor)),
            Calls::setOrigin(c) => answer(c, |c| self.set_origin(env, c.chainId, c.engine, c.maxLag)),
            Calls::setCommittee(c) => answer(c, |c| self.set_committee(env, c.chainId, c.epoch, &c.members)),
            Calls::setRule(c) => answer(c, |c| self.set_rule(env, c.origin, c.kind, c.key, &c.rule)),
            Calls::removeRule(c) => answer(c, |c| self.remove_rule(env, c.origin, c.kind, c.key)),
            Calls::unfreeze(c) => answer(c, |c| self.unfreeze(env, c.chainId)),
            Calls::setIssuer(c) => answer(c, |c| self.set_issuer(env, &c)),
            Calls::issue(c) => {
                answer(c, |c| self.issue(env, (c.kind, c.owner, c.key), (c.value, c.destination, c.expiry)))
            }
            Calls::renew(c) => {
                answer(c, |c| self.renew(env, (c.kind, c.owner, c.key), (c.value, c.destination, c.expiry)))
            }
            Calls::revoke(c) => answer(c, |c| self.revoke(env, (c.kind, c.owner, c.key))),
            Calls::transfer(c) => answer(c, |c| self.transfer(env, c.kind, c.key, c.to)),
            Calls::submitRoots(c) => answer(c, |c| self.submit_roots(env, &c.certificates)),
            Calls::proveKeys(c) => answer(c, |c| self.prove_keys(&c.proofs)),
            Calls::handover(c) => answer(c, |c| self.handover(&c)),
            Calls::accept(c) => answer(c, |c| self.accept(env, &c.unit, &c.proof, &c.certificate)),
            Calls::end(c) => answer(c, |c| self.end(env, &c)),
            Calls::lock(c) => answer(c, |c| self.lock(env, &c)),
            Calls::mint(c) => answer(c, |c| self.mint(env, &c.unit, &c.proof, &c.certificate)),
            Calls::transferAsset(c) => answer(c, |c| self.transfer_asset(env, c.asset, c.to, c.amount)),
            Calls::burn(c) => answer(c, |c| self.burn(env, c.asset, c.amount, c.recipient)),
            Calls::unlock(c) => answer(c, |c| self.unlock(env, &c.unit, &c.proof, &c.certificate)),
            Calls::pinSnapshot(c) => answer(c, |c| self.pin_snapshot(env, c.proposal, &c.origins)),
            Calls::votes(c) => answer(c, |c| self.votes(env, c.pinner, c.proposal, c.owner, c.key)),
            Calls::bond(c) => answer(c, |_| self.bond(env)),
            Calls::unbond(c) => answer(c, |_| self.unbond(env)),
            Calls::withdrawBond(c) => answer(c, |_| self.withdraw_bond(env)),
            Calls::submitEvidence(c) => answer(c, |c| self.submit_evidence(env, &c.evidence)),
            Calls::permission(c) => answer(c, |c| self.permission(env, c.owner, c.key)),
            Calls::standing(c) => answer(c, |c| self.standing(env, c.kind, c.owner, c.key)),
            Calls::balanceOf(c) => answer(c, |c| Ok(self.store.balances.get(&(c.owner, c.asset)))),
            Calls::unitOf(c) => answer(c, |c| self.unit_of(c.id)),
            Calls::rightUnitOf(c) => answer(c, |c| self.right_unit_of(env, c.kind, c.owner, c.key)),
            Calls::unitId(c) => answer(c, |c| Ok(weave_rules::unit::id(&c.unit))),
            Calls::slotOf(c) => answer(c, |c| Ok(weave_rules::place::slot(c.id))),
            Calls::assetId(c) => answer(c, |c| Ok(weave_rules::unit::asset_id(c.home, c.token))),
            Calls::rightOf(c) => answer(c, |c| Ok(self.right_of(&c))),
            Calls::ruleOf(c) => answer(c, |c| self.rule_of(c.origin, c.kind, c.key)),
            Calls::originOf(c) => answer(c, |c| self.origin_of(c.chainId)),
            Calls::rootOf(c) => answer(c, |c| Ok(self.root_of(c.chainId, c.height))),
            Calls::committeeOf(c) => answer(c, |c| Ok(Bytes::from(self.store.committees.get(&(c.chainId, c.epoch))))),
            Calls::lockedFor(c) => answer(c, |c| Ok(self.store.locked.get(&(c.destination, c.asset)))),
            Calls::mintedOf(c) => answer(c, |c| Ok(self.store.minted.get(&c.asset))),
            Calls::isProven(c) => answer(c, |c| Ok(self.is_proven(&c.key))),
            Calls::isConsumed(c) => answer(c, |c| Ok(self.store.consumed.get(&c.id))),
            Calls::snapshotOf(c) => answer(c, |c| self.snapshot_of(c.pinner, c.proposal)),
            Calls::bondOf(c) => answer(c, |c| Ok(self.bond_of(c.owner))),
            Calls::governor(c) => answer(c, |_| Ok(self.store.governor.get())),
        }
    }
}

/// A refusal of the rules, as revert data.
pub(crate) fn refused(error: weave_rules::certificate::Refused) -> Revert {
    Revert::from_data(error.into_data())
}
