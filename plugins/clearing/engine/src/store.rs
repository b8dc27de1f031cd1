//! What the engine remembers, and why it is cut the way it is.
//!
//! An entry of up to 31 bytes is one EVM slot, so each record that a transaction touches is kept that small: numbers
//! lose their leading zeros, participants are numbered from 1, and a participant's standing, its margin and its position
//! in a cycle are three entries because they change at different times. An obligation costs one new slot for good: its audit
//! record, whose key (debtor, reference) is also what refuses a reference used twice. A closing cycle's progress is one
//! longer entry, written once per step.

use caldera_sdk::prelude::*;
use clearing_rules::{Balance, Overflow, Quote, Totals, abi::Clearing};

storage! {
    /// The entries that all versions of the engine share.
    pub struct Store {
        /// The engine's own address, from the first registration on: block hooks are not told it.
        pub this: Value<Address>,
        /// Names the other accounts.
        pub governor: Value<Address>,
        /// May submit for participants and close.
        pub operator: Value<Address>,
        /// Sets the price.
        pub price_account: Value<Address>,
        /// Buys collateral.
        pub liquidator: Value<Address>,
        /// What obligations are in.
        pub settlement: Value<Asset>,
        /// What margin may be in besides.
        pub collateral: Value<Asset>,
        /// The rates and times of the configuration.
        pub terms: Value<Terms>,
        /// The price of collateral.
        pub price: Value<Price>,
        /// Which cycle is open. The only entry that a block without work reads.
        pub clock: Value<Clock>,
        /// Set while a settlement step runs.
        pub lock: Value<bool>,
        /// How many participants there are; they are numbered from 1.
        pub members: Value<u32>,
        /// A participant's standing.
        pub member_of: Map<Address, Member>,
        /// A participant's address.
        pub address_of: Map<u32, Address>,
        /// A participant's margin.
        pub margins: Map<u32, Margin>,
        /// A participant's position in a cycle.
        pub positions: Map<(u64, u32), Position>,
        /// A cycle's sums.
        pub totals: Map<u64, CycleTotals>,
        /// A cycle's close, from its first block on and kept for the record.
        pub closings: Map<u64, Closing>,
        /// Every obligation, by debtor and reference.
        pub records: Map<(u32, B256), Record>,
        /// The default fund.
        pub fund: Value<U256>,
        /// Collateral bought and not delivered.
        pub claims: Map<Address, U256>,
    }
}

stored_struct! {
    /// An ERC-20.
    #[derive(Clone, Copy, Debug)]
    pub struct Asset { pub address: Address, pub decimals: u8 }
}

stored_struct! {
    /// The rates and times of the configuration.
    #[derive(Clone, Copy, Debug)]
    pub struct Terms { pub haircut_bps: u16, pub maintenance_bps: u16, pub cycle_blocks: u64, pub call_blocks: u64 }
}

stored_struct! {
    /// US dollars per whole collateral token, and the block that set it.
    #[derive(Clone, Copy, Debug)]
    pub struct Price { pub price: U256, pub set_at: u64 }
}

stored_struct! {
    /// Cycle `open` takes obligations; `open - 1` is being settled while `closing`; `open` closes by itself from block
    /// `closes_at` on, 0: never.
    #[derive(Clone, Copy, Debug)]
    pub struct Clock { pub open: u64, pub closing: bool, pub closes_at: u64 }
}

stored_struct! {
    /// A participant's standing. Number 0: not registered. `call_deadline`: last block to cure the open margin call, 0: none.
    #[derive(Clone, Copy, Debug)]
    pub struct Member { pub number: u32, pub suspended: bool, pub call_deadline: u64 }
}

stored_struct! {
    /// Margin by asset.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Margin { pub settlement: U256, pub collateral: U256 }
}

stored_struct! {
    /// A participant's balance in a cycle, and whether it failed to pay its net debit.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Position {
        /// What it owes.
        pub debit: U256,
        /// What it is owed.
        pub credit: U256,
        /// Whether it did not pay.
        pub failed: bool,
    }
}

stored_struct! {
    /// A cycle's sums, see [`Totals`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct CycleTotals { pub obligations: u64, pub gross: U256, pub net: U256 }
}

stored_struct! {
    /// An obligation as it was accepted, less its key.
    #[derive(Clone, Copy, Debug)]
    pub struct Record { pub cycle: u64, pub creditor: u32, pub amount: U256, pub due: u64 }
}

stored_struct! {
    /// How far a cycle's close has come. `cursor` is the last participant that the phase is done with; the cutoff is that of
    /// the loss, once it is `cutoff_found`.
    #[derive(Clone, Debug, Default)]
    pub struct Closing {
        pub phase: u8,
        pub members: u32,
        pub cursor: u32,
        pub closed_at: u64,
        pub price: U256,
        pub collected: U256,
        pub from_margin: U256,
        pub from_collateral: U256,
        pub from_fund: U256,
        pub mutualised: U256,
        pub paid: U256,
        pub defaults: u32,
        pub cutoff_remainder: U256,
        pub cutoff_number: u32,
        pub cutoff_found: bool,
    }
}

impl Position {
    /// Its balance.
    pub const fn balance(&self) -> Balance {
        Balance { debit: self.debit, credit: self.credit }
    }
}

impl Store {
    /// A cycle's sums.
    pub fn totals_of(&self, cycle: u64) -> Totals {
        let CycleTotals { obligations, gross, net } = self.totals.get(&cycle);
        Totals { obligations, gross, net }
    }

    /// Writes a cycle's sums.
    pub fn put_totals(&mut self, cycle: u64, totals: &Totals) {
        let Totals { obligations, gross, net } = *totals;
        self.totals.set(&cycle, &CycleTotals { obligations, gross, net });
    }

    /// A participant's standing, or the refusal of an account that is none.
    pub fn member(&self, account: Address) -> Result<Member, Revert> {
        let member = self.member_of.get(&account);
        ensure!(member.number != 0, Clearing::NotRegistered { account });
        Ok(member)
    }

    /// Takes a participant out of business until the governor lets it back in.
    pub fn suspend(&mut self, participant: Address) {
        self.member_of.update(&participant, |member| {
            member.suspended = true;
            member.call_deadline = 0;
        });
        emit(&Clearing::Suspended { participant });
    }

    /// Adds to a participant's margin in the settlement asset.
    pub fn add_margin(&mut self, number: u32, amount: U256) -> Result<(), Overflow> {
        let margin = self.margins.get(&number);
        let settlement = clearing_rules::add(margin.settlement, amount)?;
        self.margins.set(&number, &Margin { settlement, ..margin });
        Ok(())
    }

    /// What collateral is worth at a price.
    pub fn quote(&self, price: U256) -> Result<Quote, Overflow> {
        Quote::new(price, self.settlement.get().decimals, self.collateral.get().decimals)
    }
}
