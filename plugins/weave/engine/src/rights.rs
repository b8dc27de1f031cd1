//! Rights that other chains gave: accepted by proof, ended by proof.

use caldera_sdk::prelude::*;
use weave_rules::{StateUnit, abi::Weave as abi, place, unit};

use crate::{
    Weave,
    govern::must_be_right,
    proof::{must_be_fresh, read},
    store::{Right, Root, Rule},
    units::bare,
};

impl Weave {
    /// Takes a right in, or proves it again at a later height. By anyone: what counts is the proof.
    pub(crate) fn accept(
        &mut self,
        env: &CallEnv,
        unit: &StateUnit,
        proof: &abi::Proof,
        certificate: &[u8],
    ) -> Result<(), Revert> {
        ensure!(unit.version == unit::VERSION, abi::UnknownVersion { version: unit.version });
        must_be_right(unit.kind)?;
        let (id, place) = (unit::id(unit), (unit.origin, unit.kind, unit.owner, unit.key));
        let rule = self.store.rule(unit.origin, unit.kind, unit.key)?;
        if let Some(known) = self.store.rights.find(&place) {
            let gone = known.ended != 0 && unit.nonce == known.nonce;
            ensure!(unit.nonce >= known.nonce && !gone, abi::Replay { id, nonce: unit.nonce });
            let height = known.proven.max(known.ended);
            ensure!(proof.height > height, abi::Duplicate { id, height });
        }
        let root = self.prove(env, unit, proof, certificate)?;
        must_be_fresh(env, &rule, &root, unit.origin, proof.height)?;
        let right = Right {
            commitment: unit::commitment(unit),
            value: unit.value,
            destination: unit.destination,
            issued: unit.issued,
            nonce: unit.nonce,
            expiry: unit.expiry,
            proven: proof.height,
            proven_at: env.block.timestamp_s,
            ended: 0,
        };
        self.store.rights.set(&place, &right);
        let (origin, owner, key, kind) = (unit.origin, unit.owner, unit.key, unit.kind);
        let (value, nonce, height) = (unit.value, unit.nonce, proof.height);
        emit(&abi::RightAccepted { origin, owner, key, kind, value, nonce, height });
        Ok(())
    }

    /// Ends a right whose unit is gone from its slot, or there with another commitment, at a later height.
    pub(crate) fn end(&mut self, env: &CallEnv, call: &abi::endCall) -> Result<(), Revert> {
        let abi::endCall { origin, kind, owner, key, proof, certificate } = call;
        let (origin, kind, owner, key) = (*origin, *kind, *owner, *key);
        let place = (origin, kind, owner, key);
        let right = self.store.rights.find(&place).ok_or(abi::NoRight { origin, kind, owner, key })?;
        let engine = self.store.origin(origin)?.engine;
        let id = unit::id(&StateUnit { origin, issuer: engine, ..bare(env, (kind, owner, key)) });
        ensure!(right.ended == 0, abi::AlreadyEnded { id });
        ensure!(proof.height > right.proven, abi::NotLater { height: proof.height, known: right.proven });
        let Root { state_root, .. } = self.root(env, origin, proof.height, certificate)?;
        let found = read(state_root, engine, id, proof)?;
        ensure!(found != Some(place::leaf(&right.commitment)), abi::StillCommitted { id });
        self.store.rights.set(&place, &Right { ended: proof.height, ..right });
        emit(&abi::RightEnded { origin, owner, key, kind, nonce: right.nonce, height: proof.height });
        Ok(())
    }

    /// The rights that count here for a local key: value and expiry of each, 0: never. One for each source at most.
    fn counting(&self, env: &CallEnv, kind: u8, owner: Address, key: B256) -> Result<Vec<(U256, u64)>, Revert> {
        let mut counting = Vec::new();
        let mut own = vec![key];
        for (origin, source) in self.store.sources_of(kind, key) {
            if origin == env.block.chain_id {
                own.push(source);
                continue;
            }
            if self.store.origin(origin)?.frozen {
                continue;
            }
            let rule = self.store.rule(origin, kind, source)?;
            let right = self.store.rights.find(&(origin, kind, owner, source));
            counting.extend(right.filter(|right| right.ended == 0).map(|right| (right.value, expiry(&right, &rule))));
        }
        // What this chain gave counts here under its own key, and under those that a rule names.
        own.sort_unstable();
        own.dedup();
        for key in own {
            let unit = self.issued(unit::id(&bare(env, (kind, owner, key)))).ok();
            let here = unit.filter(|unit| unit.destination == 0 || unit.destination == env.block.chain_id);
            counting.extend(here.map(|unit| (unit.value, unit.expiry)));
        }
        counting.retain(|(_, expiry)| *expiry == 0 || *expiry > env.block.timestamp_s);
        Ok(counting)
    }

    pub(crate) fn permission(&self, env: &CallEnv, owner: Address, key: B256) -> Result<bool, Revert> {
        Ok(!self.counting(env, unit::Kind::Permission.code(), owner, key)?.is_empty())
    }

    pub(crate) fn standing(&self, env: &CallEnv, kind: u8, owner: Address, key: B256) -> Result<(U256, u64), Revert> {
        must_be_right(kind)?;
        let counting = self.counting(env, kind, owner, key)?;
        let first = counting.iter().map(|(_, expiry)| *expiry).filter(|expiry| *expiry != 0).min();
        let value = counting.iter().fold(U256::ZERO, |sum, (value, _)| sum.saturating_add(*value));
        Ok((value, first.unwrap_or_default()))
    }
}

/// When a right ends by itself: as its unit says, and no later than the rule's cap after its last proof.
fn expiry(right: &Right, rule: &Rule) -> u64 {
    let capped = right.proven_at.saturating_add(rule.expiry_cap);
    match (rule.expiry_cap, right.expiry) {
        (0, expiry) => expiry,
        (_, 0) => capped,
        (_, expiry) => expiry.min(capped),
    }
}
