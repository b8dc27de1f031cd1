//! What the governor decides: which chains are believed, by whose word, and what their units count for.

use caldera_sdk::{crypto::keccak256, prelude::*, verify};
use weave_rules::{
    MAX_MEMBERS,
    abi::Weave as abi,
    certificate::{self, Committee},
    unit::Kind,
};

use crate::{
    Weave,
    calls::refused,
    store::{Issuer, Origin, Rule},
};

impl Weave {
    pub(crate) fn set_governor(&mut self, env: &CallEnv, governor: Address) -> Result<(), Revert> {
        self.governed(env)?;
        ensure!(!governor.is_zero(), abi::ZeroAccount {});
        self.store.governor.set(&governor);
        emit(&abi::GovernorSet { governor });
        Ok(())
    }

    /// Believes a chain, or changes how.
    pub(crate) fn set_origin(&mut self, env: &CallEnv, chain_id: u64, engine: Address, lag: u64) -> Result<(), Revert> {
        self.governed(env)?;
        ensure!(chain_id != env.block.chain_id, abi::OwnChain {});
        self.put_origin(chain_id, engine, lag)
    }

    pub(crate) fn put_origin(&mut self, chain_id: u64, engine: Address, max_lag: u64) -> Result<(), Revert> {
        ensure!(chain_id != 0, abi::UnknownOrigin { chainId: chain_id });
        ensure!(!engine.is_zero(), abi::ZeroAccount {});
        let known = self.store.origins.find(&chain_id);
        let origin =
            known.unwrap_or(Origin { engine, max_lag, epoch: 0, committee: B256::ZERO, latest: 0, frozen: false });
        self.store.origins.set(&chain_id, &Origin { engine, max_lag, ..origin });
        emit(&abi::OriginSet { chainId: chain_id, engine, maxLag: max_lag });
        Ok(())
    }

    /// Gives an origin a committee of a later epoch.
    pub(crate) fn set_committee(
        &mut self,
        env: &CallEnv,
        chain_id: u64,
        epoch: u64,
        members: &[abi::Member],
    ) -> Result<(), Revert> {
        self.governed(env)?;
        self.put_members(chain_id, epoch, members)
    }

    pub(crate) fn put_members(&mut self, chain_id: u64, epoch: u64, members: &[abi::Member]) -> Result<(), Revert> {
        let committee = self.committee_of(epoch, members)?;
        self.put_committee(chain_id, &committee)
    }

    /// A committee, each of whose members proved that it has its key: now, or ahead.
    fn committee_of(&self, epoch: u64, members: &[abi::Member]) -> Result<Committee, Revert> {
        let each = members.iter().map(|member| certificate::Member {
            key: &member.key,
            weight: member.weight,
            owner: member.owner,
        });
        let committee = Committee::new(epoch, each).map_err(refused)?;
        for (index, member) in members.iter().enumerate() {
            let proven = self.is_proven(&member.key) || verify::verify_possession(&member.key, &member.possession);
            ensure!(proven, abi::BadPossession { member: index as u64 });
        }
        Ok(committee)
    }

    /// Records keys whose possession is proven. That somebody has a key is true wherever it is used, so anybody may say it.
    pub(crate) fn prove_keys(&mut self, proofs: &[abi::KeyProof]) -> Result<U256, Revert> {
        ensure!(proofs.len() <= MAX_MEMBERS, abi::TooMany { most: MAX_MEMBERS as u64 });
        let mut recorded = 0;
        for (index, abi::KeyProof { key, possession }) in proofs.iter().enumerate() {
            if self.is_proven(key) {
                continue;
            }
            let holds = verify::verify_possession(key, possession);
            ensure!(holds, abi::BadPossession { member: index as u64 });
            self.store.proven.set(&keccak256(key), &true);
            emit(&abi::KeyProven { key: key.clone() });
            recorded += 1;
        }
        Ok(U256::from(recorded))
    }

    pub(crate) fn is_proven(&self, key: &[u8]) -> bool {
        self.store.proven.get(&keccak256(key))
    }

    /// The old committee names the next: its quorum signs both roots.
    pub(crate) fn handover(&mut self, call: &abi::handoverCall) -> Result<(), Revert> {
        self.store.thawed(call.chainId)?;
        let old = self.committee(call.chainId)?;
        let new = self.committee_of(call.epoch, &call.members)?;
        let keys = old.signers(&call.bitmap).map_err(refused)?;
        let message = certificate::handover(call.chainId, &old, &new);
        let holds = verify::verify_all(verify::Domain::Handover, &keys, &message, &call.signature);
        ensure!(holds, abi::BadSignature {});
        self.put_committee(call.chainId, &new)
    }

    fn put_committee(&mut self, chain_id: u64, committee: &Committee) -> Result<(), Revert> {
        let (origin, epoch) = (self.store.origin(chain_id)?, committee.epoch());
        let is_first = origin.committee.is_zero();
        ensure!(is_first || epoch > origin.epoch, abi::EpochNotLater { epoch, current: origin.epoch });
        let root = committee.root();
        self.store.origins.set(&chain_id, &Origin { epoch, committee: root, ..origin });
        // Old ones stay: evidence against their members comes late.
        self.store.committees.set(&(chain_id, epoch), &committee.encoding().to_vec());
        let members = committee.members().len() as u64;
        emit(&abi::CommitteeSet { chainId: chain_id, epoch, committeeRoot: root, members });
        Ok(())
    }

    /// An origin's committee as it is now.
    pub(crate) fn committee(&self, chain_id: u64) -> Result<Committee, Revert> {
        let origin = self.store.origin(chain_id)?;
        self.committee_at(chain_id, origin.epoch)
    }

    pub(crate) fn committee_at(&self, chain_id: u64, epoch: u64) -> Result<Committee, Revert> {
        let stored = Committee::stored(self.store.committees.get(&(chain_id, epoch)));
        Ok(stored.ok_or(abi::NoCommittee { chainId: chain_id })?)
    }

    /// Says what an origin's units count for here. Its own units a chain may map too.
    pub(crate) fn set_rule(
        &mut self,
        env: &CallEnv,
        origin: u64,
        kind: u8,
        key: B256,
        rule: &abi::Rule,
    ) -> Result<(), Revert> {
        self.governed(env)?;
        let is_asset = kind_of(kind)? == Kind::Asset;
        if origin != env.block.chain_id || is_asset {
            self.store.origin(origin)?;
        }
        if is_asset {
            ensure!(rule.localKey == key, abi::WrongLocalKey { asset: key });
            let home = self.store.homes.find(&key);
            ensure!(
                home.is_none_or(|home| home == origin),
                abi::AssetHasOtherHome { asset: key, home: home.unwrap_or_default() }
            );
            self.store.homes.set(&key, &origin);
        } else {
            if let Some(old) = self.store.rules.find(&(origin, kind, key)) {
                self.store.remove_source(kind, old.local_key, (origin, key));
            }
            self.store.add_source(kind, rule.localKey, (origin, key))?;
        }
        let stored = Rule {
            set: true,
            local_key: rule.localKey,
            max_staleness: rule.maxStaleness,
            expiry_cap: rule.expiryCap,
            cap: rule.cap,
        };
        self.store.rules.set(&(origin, kind, key), &stored);
        emit(&abi::RuleSet { origin, kind, key, rule: rule.clone() });
        Ok(())
    }

    /// What came of it ends with the rule. Balances of an asset stay, and can be burnt.
    pub(crate) fn remove_rule(&mut self, env: &CallEnv, origin: u64, kind: u8, key: B256) -> Result<(), Revert> {
        self.governed(env)?;
        let rule = self.store.rule(origin, kind, key)?;
        self.store.rules.remove(&(origin, kind, key));
        if kind_of(kind)? != Kind::Asset {
            self.store.remove_source(kind, rule.local_key, (origin, key));
        }
        emit(&abi::RuleRemoved { origin, kind, key });
        Ok(())
    }

    /// Believes a frozen origin again, on the governor's word: what was certified first stays.
    pub(crate) fn unfreeze(&mut self, env: &CallEnv, chain_id: u64) -> Result<(), Revert> {
        self.governed(env)?;
        let origin = self.store.origin(chain_id)?;
        ensure!(origin.frozen, abi::NotFrozen { chainId: chain_id });
        self.store.origins.set(&chain_id, &Origin { frozen: false, ..origin });
        emit(&abi::OriginUnfrozen { chainId: chain_id });
        Ok(())
    }

    pub(crate) fn set_issuer(&mut self, env: &CallEnv, call: &abi::setIssuerCall) -> Result<(), Revert> {
        self.governed(env)?;
        must_be_right(call.kind)?;
        let issuer = Issuer { account: call.issuer, transferable: call.transferable };
        self.store.issuers.set(&(call.kind, call.key), &issuer);
        let (kind, key) = (call.kind, call.key);
        emit(&abi::IssuerSet { kind, key, issuer: call.issuer, transferable: call.transferable });
        Ok(())
    }

    fn governed(&self, env: &CallEnv) -> Result<(), Revert> {
        ensure!(env.caller == self.store.governor.get(), abi::Unauthorized { caller: env.caller });
        Ok(())
    }
}

/// The kind of a number.
pub(crate) fn kind_of(kind: u8) -> Result<Kind, Revert> {
    Ok(Kind::of(kind).ok_or(abi::UnknownKind { kind })?)
}

/// Refuses what is no permission and no behaviour.
pub(crate) fn must_be_right(kind: u8) -> Result<(), Revert> {
    ensure!(kind_of(kind)? != Kind::Asset, abi::NotIssuable { kind });
    Ok(())
}
