//! A chain with the engine and its two tokens, and the invariants that hold after every block.

use caldera_sdk::{
    alloy_sol_types::SolValue,
    prelude::*,
    testing::{Failure, TestHost},
};
use clearing_rules::abi::{
    Clearing::{self as abi, Config, Cycle, Obligation, Phase},
    IERC20,
};

use super::token::{TestToken, Token};
use crate::{Book, Clearing, Deferred, Incremental};

pub const ENGINE: Address = address!("00000000000000000000000000000000000000c1");
pub const USD: Address = address!("00000000000000000000000000000000000000a1");
pub const BTC: Address = address!("00000000000000000000000000000000000000a2");
pub const GOVERNOR: Address = address!("0000000000000000000000000000000000000001");
pub const OPERATOR: Address = address!("0000000000000000000000000000000000000002");
pub const ORACLE: Address = address!("0000000000000000000000000000000000000003");
pub const LIQUIDATOR: Address = address!("0000000000000000000000000000000000000004");
/// One dollar.
pub const DOLLAR: u64 = 1_000_000;
/// One BTC.
pub const COIN: u64 = 100_000_000;

/// The chain of this thread.
pub struct World {
    pub host: TestHost,
    begin_block: fn(&TestHost) -> Result<(), String>,
}

/// Runs a test with each book.
pub fn both(test: impl Fn(World)) {
    test(World::new::<Deferred>());
    test(World::new::<Incremental>());
}

pub fn config() -> Config {
    Config {
        governor: GOVERNOR,
        operator: OPERATOR,
        priceAccount: ORACLE,
        liquidator: LIQUIDATOR,
        settlementAsset: USD,
        settlementDecimals: 6,
        collateralAsset: BTC,
        collateralDecimals: 8,
        haircutBps: 2_000,
        maintenanceBps: 1_000,
        cycleBlocks: 0,
        marginCallBlocks: 3,
    }
}

/// The n-th member's address, from 1.
pub fn member(number: u32) -> Address {
    Address::left_padding_from(&(0x1000 + number).to_be_bytes())
}

/// An obligation between members, with a reference of its own.
pub fn owes(debtor: u32, creditor: u32, amount: u64, reference: u64) -> Obligation {
    Obligation {
        debtor: member(debtor),
        creditor: member(creditor),
        asset: USD,
        amount: U256::from(amount),
        due: 0,
        referenceId: B256::left_padding_from(&reference.to_be_bytes()),
    }
}

impl World {
    pub fn new<B: Book + 'static>() -> Self {
        Self::with::<B>(&config())
    }

    pub fn with<B: Book + 'static>(config: &Config) -> Self {
        let host = TestHost::new();
        host.mount::<Token>(USD);
        host.mount::<Token>(BTC);
        host.init::<Clearing<B>>(ENGINE, &config.abi_encode()).unwrap();
        let world = Self { host, begin_block: |host| host.begin_block::<Clearing<B>>(ENGINE) };
        world.approve(LIQUIDATOR);
        world
    }

    pub fn swap<Old: Book + 'static, New: Book + 'static>(&mut self) -> Result<Vec<Progress>, String> {
        let steps = self.host.swap::<Clearing<Old>, Clearing<New>>(ENGINE)?;
        self.begin_block = |host| host.begin_block::<Clearing<New>>(ENGINE);
        Ok(steps)
    }

    pub fn configure<B: Book + 'static>(&self, config: &Config) -> Result<(), String> {
        self.host.configure::<Clearing<B>>(ENGINE, &config.abi_encode())
    }

    pub fn call<C: SolCall>(&self, from: Address, call: &C) -> Result<C::Return, Failure> {
        self.host.call(from, ENGINE, call)
    }

    /// A call that is refused.
    pub fn refused<C: SolCall>(&self, from: Address, call: &C) -> Failure {
        match self.call(from, call) {
            Ok(_) => panic!("{} was not refused", C::SIGNATURE),
            Err(failure) => failure,
        }
    }

    pub fn view<C: SolCall>(&self, call: &C) -> C::Return {
        self.host.view(GOVERNOR, ENGINE, call).unwrap()
    }

    /// Registers members 1 to `count`, which approve the engine for both tokens.
    pub fn register(&self, count: u32) {
        for number in 1..=count {
            self.call(member(number), &abi::registerCall {}).unwrap();
            self.approve(member(number));
        }
    }

    fn approve(&self, owner: Address) {
        for token in [USD, BTC] {
            self.host.call(owner, token, &IERC20::approveCall { spender: ENGINE, value: U256::MAX }).unwrap();
        }
    }

    pub fn mint(&self, token: Address, to: Address, amount: u64) {
        self.host.call(GOVERNOR, token, &TestToken::mintCall { to, value: U256::from(amount) }).unwrap();
    }

    pub fn refuse(&self, token: Address, account: Address, refused: bool) {
        self.host.call(GOVERNOR, token, &TestToken::refuseCall { account, refused }).unwrap();
    }

    /// Mints an amount to a member, which posts it.
    pub fn margin(&self, number: u32, asset: Address, amount: u64) {
        if amount > 0 {
            self.mint(asset, member(number), amount);
            self.call(member(number), &abi::postMarginCall { asset, amount: U256::from(amount) }).unwrap();
        }
    }

    pub fn fund(&self, amount: u64) {
        if amount > 0 {
            self.mint(USD, GOVERNOR, amount);
            self.approve(GOVERNOR);
            self.call(GOVERNOR, &abi::contributeToDefaultFundCall { amount: U256::from(amount) }).unwrap();
        }
    }

    /// Sets the price in whole dollars.
    pub fn price(&self, dollars: u64) {
        self.call(ORACLE, &abi::setPriceCall { price: U256::from(dollars) * U256::from(100_000_000) }).unwrap();
    }

    pub fn submit(&self, obligations: &[Obligation]) -> Result<(), Failure> {
        self.call(OPERATOR, &abi::submitBatchCall { obligations: obligations.to_vec() }).map(drop)
    }

    pub fn close(&self) {
        self.call(OPERATOR, &abi::closeCycleCall {}).unwrap();
    }

    /// One block: the hook runs and the invariants hold.
    pub fn block(&self) {
        self.host.next_block(1);
        (self.begin_block)(&self.host).unwrap();
        self.check();
    }

    /// Blocks until nothing is closing; gives how many.
    pub fn settle(&self) -> u32 {
        let mut blocks = 0;
        while self.view(&abi::currentCycleCall {}).closing {
            self.block();
            blocks += 1;
            assert!(blocks < 500, "the close does not come to its end");
        }
        blocks
    }

    /// An account's balance of a token.
    pub fn purse(&self, token: Address, account: Address) -> u64 {
        self.host.view(GOVERNOR, token, &IERC20::balanceOfCall { account }).unwrap().to()
    }

    pub fn cycle(&self, id: u64) -> Cycle {
        self.view(&abi::cycleCall { id })
    }

    /// The invariants of the crate's header, to the last unit.
    pub fn check(&self) {
        let (mut usd, mut btc) = (self.view(&abi::defaultFundCall {}), U256::ZERO);
        for participant in self.view(&abi::participantsCall {}) {
            let margin = self.view(&abi::marginOfCall { participant });
            usd += margin.settlement;
            btc += margin.collateral;
        }
        btc += self.view(&abi::claimableCall { account: LIQUIDATOR });
        for id in 1..self.view(&abi::currentCycleCall {}).open {
            let cycle = self.cycle(id);
            let covered = cycle.collected + cycle.fromMargin + cycle.fromCollateral + cycle.fromFund;
            let undistributed = covered.checked_sub(cycle.paid).unwrap();
            if cycle.phase == Phase::Settled {
                assert_eq!(undistributed, U256::ZERO, "cycle {id} kept something back");
                assert_eq!(covered + cycle.mutualised, cycle.net, "cycle {id} does not add up");
            }
            usd += undistributed;
        }
        assert_eq!(U256::from(self.purse(USD, ENGINE)), usd, "the engine's balance of the settlement asset");
        assert_eq!(U256::from(self.purse(BTC, ENGINE)), btc, "the engine's balance of the collateral asset");
    }
}
