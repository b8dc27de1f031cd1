//! Bonds: wei that answers for what a validator signs.

use caldera_sdk::{prelude::*, verify};
use weave_rules::{
    WHOLE_BPS,
    abi::Weave as abi,
    certificate::{Evidence, Vote},
};

use crate::{
    Weave,
    assets::pay,
    calls::refused,
    roots::check,
    store::{Bond, plus},
};

impl Weave {
    /// Adds the value sent to the caller's bond; what was asked back is bonded again.
    pub(crate) fn bond(&mut self, env: &CallEnv) -> Result<(), Revert> {
        ensure!(!env.value.is_zero(), abi::ZeroAmount {});
        let amount = plus(self.store.bonds.get(&env.caller).amount, env.value)?;
        self.store.bonds.set(&env.caller, &Bond { amount, withdrawable_at: 0 });
        emit(&abi::Bonded { owner: env.caller, amount: env.value, bond: amount });
        Ok(())
    }

    /// Asks the caller's bond back.
    pub(crate) fn unbond(&mut self, env: &CallEnv) -> Result<(), Revert> {
        let bond = self.store.bonds.find(&env.caller).ok_or(abi::NoBond { owner: env.caller })?;
        let withdrawable_at = env.block.timestamp_s.saturating_add(self.store.terms.get().unbond_seconds).max(1);
        self.store.bonds.set(&env.caller, &Bond { withdrawable_at, ..bond });
        emit(&abi::UnbondingBegun { owner: env.caller, withdrawableAt: withdrawable_at });
        Ok(())
    }

    /// Pays the caller's bond out, once it has waited.
    pub(crate) fn withdraw_bond(&mut self, env: &CallEnv) -> Result<(), Revert> {
        let owner = env.caller;
        let bond = self.store.bonds.find(&owner).ok_or(abi::NoBond { owner })?;
        ensure!(bond.withdrawable_at != 0, abi::NotUnbonding { owner });
        let withdrawable_at = bond.withdrawable_at;
        ensure!(env.block.timestamp_s >= withdrawable_at, abi::StillBonded { withdrawableAt: withdrawable_at });
        self.store.bonds.remove(&owner);
        emit(&abi::BondWithdrawn { owner, amount: bond.amount });
        pay(owner, bond.amount)
    }

    pub(crate) fn bond_of(&self, owner: Address) -> (U256, u64) {
        let bond = self.store.bonds.get(&owner);
        (bond.amount, bond.withdrawable_at)
    }

    /// Slashes the bond of a member that lied. The reporter gets its share; the rest is nobody's and stays here.
    pub(crate) fn submit_evidence(&mut self, env: &CallEnv, bytes: &[u8]) -> Result<(), Revert> {
        let evidence = Evidence::read(bytes).map_err(refused)?;
        let Vote { statement, member: place, .. } = *evidence.vote();
        let (chain_id, height, epoch) = (statement.chain_id, statement.height, statement.epoch);
        let committee = self.committee_at(chain_id, epoch)?;
        committee.must_be_of(&statement).map_err(refused)?;
        let member = committee.member(place).map_err(refused)?;
        let offence = (chain_id, height, epoch, place);
        ensure!(!self.store.punished.get(&offence), abi::AlreadyPunished {});
        let owner = member.owner;
        let bond = self.store.bonds.find(&owner).ok_or(abi::NoBond { owner })?;
        let signed = |vote: &Vote<'_>| {
            let message = vote.statement.bytes;
            verify::verify(verify::Domain::Certificate, member.key, message, vote.signature)
        };
        ensure!(signed(evidence.vote()), abi::BadSignature {});
        match &evidence {
            Evidence::Equivocation(_, other) => ensure!(signed(other), abi::BadSignature {}),
            Evidence::WrongRoot(_, certificate) => check(certificate, &committee)?,
        }
        let share = U256::from(self.store.terms.get().reward_bps);
        // A bond is at most all the wei there is, so the product is far below 2^256.
        let reward = bond.amount.saturating_mul(share) / U256::from(WHOLE_BPS);
        self.store.punished.set(&offence, &true);
        self.store.bonds.remove(&owner);
        emit(&abi::Slashed {
            owner,
            reporter: env.caller,
            chainId: chain_id,
            height,
            member: u64::from(place),
            amount: bond.amount,
            reward,
        });
        pay(env.caller, reward)
    }
}
