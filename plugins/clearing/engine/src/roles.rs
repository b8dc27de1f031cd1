//! Who may do what: participants register, the governor names the other accounts, the price account sets the price.

use caldera_sdk::prelude::*;
use clearing_rules::{MAX_AMOUNT, MAX_PARTICIPANTS, abi::Clearing as abi};

use crate::{
    book::Book,
    calls::Clearing,
    store::{Member, Price},
};

impl<B: Book> Clearing<B> {
    /// The caller becomes a participant.
    pub(crate) fn register(&mut self, env: &CallEnv) -> Result<(), Revert> {
        let participant = env.caller;
        let store = &mut self.store;
        ensure!(!store.member_of.contains(&participant), abi::AlreadyRegistered { participant });
        let before = store.members.get();
        ensure!(before < MAX_PARTICIPANTS, abi::TooManyParticipants { most: MAX_PARTICIPANTS });
        if before == 0 {
            store.this.set(&env.this);
        }
        let number = before + 1;
        store.members.set(&number);
        store.member_of.set(&participant, &Member { number, suspended: false, call_deadline: 0 });
        store.address_of.set(&number, &participant);
        emit(&abi::Registered { participant, number });
        Ok(())
    }

    pub(crate) fn set_operator(&mut self, env: &CallEnv, operator: Address) -> Result<(), Revert> {
        self.governed(env)?;
        self.store.operator.set(&operator);
        emit(&abi::OperatorSet { operator });
        Ok(())
    }

    pub(crate) fn set_price_account(&mut self, env: &CallEnv, account: Address) -> Result<(), Revert> {
        self.governed(env)?;
        self.store.price_account.set(&account);
        emit(&abi::PriceAccountSet { priceAccount: account });
        Ok(())
    }

    pub(crate) fn set_liquidator(&mut self, env: &CallEnv, liquidator: Address) -> Result<(), Revert> {
        self.governed(env)?;
        self.store.liquidator.set(&liquidator);
        emit(&abi::LiquidatorSet { liquidator });
        Ok(())
    }

    /// Lets a suspended participant back in, with margin for what it still owes.
    pub(crate) fn reinstate(&mut self, env: &CallEnv, participant: Address) -> Result<(), Revert> {
        self.governed(env)?;
        let member = self.store.member(participant)?;
        ensure!(member.suspended, abi::NotSuspended { participant });
        let (value, requirement) = (self.margin_value(&member)?, self.requirement(&member)?);
        ensure!(value >= requirement, abi::MarginNeeded { value, requirement });
        self.store.member_of.set(&participant, &Member { suspended: false, ..member });
        emit(&abi::Reinstated { participant });
        Ok(())
    }

    /// Zero means that there is no price: collateral then counts for nothing and is not sold.
    pub(crate) fn set_price(&mut self, env: &CallEnv, price: U256) -> Result<(), Revert> {
        only(env, self.store.price_account.get())?;
        ensure!(price <= MAX_AMOUNT, abi::AmountTooLarge { amount: price, most: MAX_AMOUNT });
        self.store.price.set(&Price { price, set_at: env.block.number });
        emit(&abi::PriceSet { price });
        Ok(())
    }

    fn governed(&self, env: &CallEnv) -> Result<(), Revert> {
        only(env, self.store.governor.get())
    }
}

/// Refuses everybody but one account.
pub(crate) fn only(env: &CallEnv, account: Address) -> Result<(), Revert> {
    ensure!(env.caller == account, abi::Unauthorized { caller: env.caller });
    Ok(())
}
