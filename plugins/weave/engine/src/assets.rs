//! Assets: locked at home, minted abroad, burnt there, unlocked at home.
//!
//! Each crossing is a unit of its own that is consumed once. What is locked is counted by the chain it went to, so that
//! a chain whose committee lies takes back no more than was ever put into it.

use caldera_sdk::prelude::*;
use weave_rules::{
    StateUnit,
    abi::{IERC20, Weave as abi},
    unit::{self, Kind, asset_id},
};

use crate::{Weave, proof::must_be_fresh, store::plus, units::bare};

impl Weave {
    /// Takes tokens in and issues the unit that mints them at the destination.
    pub(crate) fn lock(&mut self, env: &CallEnv, call: &abi::lockCall) -> Result<B256, Revert> {
        let abi::lockCall { token, amount, destination, recipient } = *call;
        let here = env.block.chain_id;
        ensure!(!amount.is_zero(), abi::ZeroAmount {});
        ensure!(!recipient.is_zero(), abi::ZeroAccount {});
        ensure!(destination != 0 && destination != here, abi::WrongChain { destination, chainId: here });
        // One that is not believed could never give it back.
        self.store.origin(destination)?;
        let asset = asset_id(here, token);
        let locked = plus(self.store.locked.get(&(destination, asset)), amount)?;
        self.store.locked.set(&(destination, asset), &locked);
        self.store.tokens.set(&asset, &token);
        let id = self.send(env, asset, recipient, destination, amount);
        emit(&abi::Locked { id, asset, from: env.caller, token, destination, amount });
        if token.is_zero() {
            ensure!(env.value == amount, abi::WrongValue { sent: env.value, amount });
            return Ok(id);
        }
        ensure!(env.value.is_zero(), abi::WrongValue { sent: env.value, amount: U256::ZERO });
        let held = contract(token).view(&IERC20::balanceOfCall { account: env.this })?;
        let taken = contract(token).call(&IERC20::transferFromCall { from: env.caller, to: env.this, amount })?;
        ensure!(taken, abi::TokenRefused { token });
        let holds = contract(token).view(&IERC20::balanceOfCall { account: env.this })?;
        let moved = holds.saturating_sub(held);
        ensure!(moved == amount, abi::TokenAmountDiffers { token, moved, amount });
        Ok(id)
    }

    /// Gives out what a proven unit of the asset's home says.
    pub(crate) fn mint(
        &mut self,
        env: &CallEnv,
        unit: &StateUnit,
        proof: &abi::Proof,
        certificate: &[u8],
    ) -> Result<(), Revert> {
        let (id, asset, amount) = (must_be_asset(env, unit)?, unit.key, unit.value);
        ensure!(!self.store.consumed.get(&id), abi::AlreadyMinted { id });
        let rule = self.store.rule(unit.origin, unit.kind, asset)?;
        let root = self.prove(env, unit, proof, certificate)?;
        must_be_fresh(env, &rule, &root, unit.origin, proof.height)?;
        let before = self.store.minted.get(&asset);
        let minted = plus(before, amount)?;
        let cap = rule.cap;
        ensure!(cap.is_zero() || minted <= cap, abi::CapExceeded { asset, minted: before, amount, cap });
        self.store.consumed.set(&id, &true);
        self.store.minted.set(&asset, &minted);
        self.credit(unit.owner, asset, amount)?;
        emit(&abi::Minted { id, asset, to: unit.owner, origin: unit.origin, amount });
        Ok(())
    }

    /// Moves a balance on this chain.
    pub(crate) fn transfer_asset(
        &mut self,
        env: &CallEnv,
        asset: B256,
        to: Address,
        amount: U256,
    ) -> Result<(), Revert> {
        ensure!(!to.is_zero(), abi::ZeroAccount {});
        self.debit(env.caller, asset, amount)?;
        self.credit(to, asset, amount)?;
        emit(&abi::AssetTransferred { asset, from: env.caller, to, amount });
        Ok(())
    }

    /// Destroys a balance and issues the unit that unlocks it at home.
    pub(crate) fn burn(
        &mut self,
        env: &CallEnv,
        asset: B256,
        amount: U256,
        recipient: Address,
    ) -> Result<B256, Revert> {
        ensure!(!amount.is_zero(), abi::ZeroAmount {});
        ensure!(!recipient.is_zero(), abi::ZeroAccount {});
        let destination = self.store.homes.find(&asset).ok_or(abi::UnknownAsset { asset })?;
        self.debit(env.caller, asset, amount)?;
        let minted = self.store.minted.get(&asset);
        let rest = minted.checked_sub(amount).ok_or(abi::BeyondMinted { asset, minted, amount })?;
        self.store.minted.set(&asset, &rest);
        let id = self.send(env, asset, recipient, destination, amount);
        emit(&abi::Burnt { id, asset, from: env.caller, destination, amount });
        Ok(id)
    }

    /// Gives back what a proven unit of another chain says was burnt there.
    pub(crate) fn unlock(
        &mut self,
        env: &CallEnv,
        unit: &StateUnit,
        proof: &abi::Proof,
        certificate: &[u8],
    ) -> Result<(), Revert> {
        let (id, asset, amount) = (must_be_asset(env, unit)?, unit.key, unit.value);
        ensure!(!self.store.consumed.get(&id), abi::AlreadyUnlocked { id });
        let token = self.store.tokens.get(&asset);
        ensure!(asset == asset_id(env.block.chain_id, token), abi::UnknownAsset { asset });
        self.prove(env, unit, proof, certificate)?;
        let place = (unit.origin, asset);
        let locked = self.store.locked.get(&place);
        let beyond = abi::BeyondLocked { asset, chainId: unit.origin, locked, amount };
        let rest = locked.checked_sub(amount).ok_or(beyond)?;
        // Written before anybody is paid: whoever is called may call again.
        self.store.consumed.set(&id, &true);
        self.store.locked.set(&place, &rest);
        emit(&abi::Unlocked { id, asset, to: unit.owner, origin: unit.origin, amount });
        if token.is_zero() {
            return pay(unit.owner, amount);
        }
        let paid = contract(token).call(&IERC20::transferCall { to: unit.owner, amount })?;
        ensure!(paid, abi::TokenRefused { token });
        Ok(())
    }

    /// Issues the unit of one crossing.
    fn send(&mut self, env: &CallEnv, asset: B256, recipient: Address, destination: u64, amount: U256) -> B256 {
        let numbers = self.store.next_message();
        self.put_unit(&StateUnit {
            serial: numbers.serial,
            destination,
            value: amount,
            nonce: numbers.nonce,
            ..bare(env, (Kind::Asset.code(), recipient, asset))
        })
    }

    fn credit(&mut self, to: Address, asset: B256, amount: U256) -> Result<(), Revert> {
        let balance = plus(self.store.balances.get(&(to, asset)), amount)?;
        self.store.balances.set(&(to, asset), &balance);
        Ok(())
    }

    fn debit(&mut self, from: Address, asset: B256, amount: U256) -> Result<(), Revert> {
        let balance = self.store.balances.get(&(from, asset));
        let rest = balance.checked_sub(amount).ok_or(abi::InsufficientBalance { asset, balance, amount })?;
        self.store.balances.set(&(from, asset), &rest);
        Ok(())
    }
}

/// Sends wei.
pub(crate) fn pay(to: Address, amount: U256) -> Result<(), Revert> {
    contract(to).value(amount).call_raw(&[]).map_err(|_| abi::PaymentFailed { to })?;
    Ok(())
}

/// The id of a unit that is an asset on its way to this chain. One on its way to everywhere would be minted everywhere.
fn must_be_asset(env: &CallEnv, unit: &StateUnit) -> Result<B256, Revert> {
    ensure!(unit.version == unit::VERSION, abi::UnknownVersion { version: unit.version });
    ensure!(unit.kind == Kind::Asset.code(), abi::UnknownKind { kind: unit.kind });
    let (destination, chain_id) = (unit.destination, env.block.chain_id);
    ensure!(destination == chain_id, abi::WrongChain { destination, chainId: chain_id });
    Ok(unit::id(unit))
}
