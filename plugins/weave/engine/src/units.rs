//! This chain's own units: issued, renewed, given away, revoked.

use caldera_sdk::prelude::*;
use weave_rules::{
    StateUnit,
    abi::Weave as abi,
    unit::{self, VERSION},
};

use crate::{Weave, govern::must_be_right};

/// Kind, owner and key of a right.
type Name = (u8, Address, B256);
/// Value, destination and expiry.
type Terms = (U256, u64, u64);

impl Weave {
    pub(crate) fn issue(&mut self, env: &CallEnv, name: Name, terms: Terms) -> Result<B256, Revert> {
        self.must_issue(env, name.0, name.2)?;
        let id = unit::id(&bare(env, name));
        ensure!(!self.store.commitments.contains(&id), abi::AlreadyIssued { id });
        self.put_right(env, name, terms)
    }

    /// The same right with other terms and a later nonce: for votes it is as new.
    pub(crate) fn renew(&mut self, env: &CallEnv, name: Name, terms: Terms) -> Result<B256, Revert> {
        self.must_issue(env, name.0, name.2)?;
        self.issued(unit::id(&bare(env, name)))?;
        self.put_right(env, name, terms)
    }

    /// By the issuer, or by the owner, who may give up what it has.
    pub(crate) fn revoke(&mut self, env: &CallEnv, name: Name) -> Result<(), Revert> {
        let (kind, owner, key) = name;
        if env.caller != owner {
            self.must_issue(env, kind, key)?;
        }
        let unit = self.issued(unit::id(&bare(env, name)))?;
        self.remove(&unit);
        Ok(())
    }

    pub(crate) fn transfer(&mut self, env: &CallEnv, kind: u8, key: B256, to: Address) -> Result<B256, Revert> {
        must_be_right(kind)?;
        let issuer = self.store.issuers.get(&(kind, key));
        ensure!(issuer.transferable, abi::NotTransferable { kind, key });
        let unit = self.issued(unit::id(&bare(env, (kind, env.caller, key))))?;
        let taken = unit::id(&bare(env, (kind, to, key)));
        ensure!(!self.store.commitments.contains(&taken), abi::AlreadyIssued { id: taken });
        self.remove(&unit);
        self.put_right(env, (kind, to, key), (unit.value, unit.destination, unit.expiry))
    }

    /// Stores a right as it is from this block on.
    fn put_right(&mut self, env: &CallEnv, name: Name, (value, destination, expiry): Terms) -> Result<B256, Revert> {
        ensure!(!name.1.is_zero(), abi::ZeroAccount {});
        ensure!(!value.is_zero(), abi::ZeroAmount {});
        let timestamp = env.block.timestamp_s;
        ensure!(expiry == 0 || expiry > timestamp, abi::Expired { expiry, timestamp });
        let nonce = self.store.next_nonce();
        Ok(self.put_unit(&StateUnit { value, destination, expiry, nonce, ..bare(env, name) }))
    }

    /// Stores a unit with its commitment; gives its id.
    pub(crate) fn put_unit(&mut self, unit: &StateUnit) -> B256 {
        let id = unit::id(unit);
        self.store.encodings.set(&id, &unit::encode(unit).to_vec());
        self.store.commitments.set(&id, &unit::commitment(unit));
        emit(&abi::UnitIssued { id, owner: unit.owner, key: unit.key, unit: unit.clone() });
        id
    }

    fn remove(&mut self, unit: &StateUnit) {
        let id = unit::id(unit);
        self.store.encodings.remove(&id);
        self.store.commitments.remove(&id);
        emit(&abi::UnitRevoked { id, owner: unit.owner, key: unit.key, nonce: unit.nonce });
    }

    /// A unit that is there.
    pub(crate) fn issued(&self, id: B256) -> Result<StateUnit, Revert> {
        let encoding = self.store.encodings.find(&id).ok_or(abi::NotIssued { id })?;
        // Only `put_unit` writes there.
        Ok(unit::decode(&encoding).map_err(|_| abi::NotIssued { id })?)
    }

    fn must_issue(&self, env: &CallEnv, kind: u8, key: B256) -> Result<(), Revert> {
        must_be_right(kind)?;
        let issuer = self.store.issuers.get(&(kind, key)).account;
        let allowed = if issuer.is_zero() { self.store.governor.get() } else { issuer };
        ensure!(env.caller == allowed, abi::Unauthorized { caller: env.caller });
        Ok(())
    }
}

/// A right of this chain before its terms.
pub(crate) fn bare(env: &CallEnv, (kind, owner, key): Name) -> StateUnit {
    StateUnit {
        version: VERSION,
        kind,
        origin: env.block.chain_id,
        issuer: env.this,
        owner,
        key,
        serial: 0,
        destination: 0,
        value: U256::ZERO,
        issued: env.block.number,
        nonce: 0,
        expiry: 0,
    }
}
