//! An ERC-20 for tests, itself an engine, so that its balances are undone with a failed call. It can refuse an account and
//! can call back.

use caldera_sdk::prelude::*;
use clearing_rules::abi::Clearing;

sol! {
    /// The part of ERC-20 that clearing uses, and what tests need.
    interface TestToken {
        error Refused(address account);
        function balanceOf(address account) external view returns (uint256);
        function allowance(address owner, address spender) external view returns (uint256);
        function approve(address spender, uint256 value) external returns (bool);
        function transfer(address to, uint256 value) external returns (bool);
        function transferFrom(address from, address to, uint256 value) external returns (bool);
        function mint(address to, uint256 value) external;
        function refuse(address account, bool refused) external;
        function callBack(address target) external;
    }
}

storage! {
    /// Balances, allowances and mischief.
    pub struct Token {
        balances: Map<Address, U256>,
        allowances: Map<(Address, Address), U256>,
        refused: Map<Address, bool>,
        target: Value<Address>,
    }
}

impl Engine for Token {
    type Calls = TestToken::TestTokenCalls;
    const NAME: &'static str = "test-token";
    const VERSION: &'static str = "1.0.0";
    const ABI: &'static str = "[]";

    fn call(&mut self, env: &CallEnv, call: Self::Calls) -> Result<Vec<u8>, Revert> {
        use TestToken::TestTokenCalls as C;
        match call {
            C::balanceOf(c) => answer(c, |c| Ok(self.balances.get(&c.account))),
            C::allowance(c) => answer(c, |c| Ok(self.allowances.get(&(c.owner, c.spender)))),
            C::approve(c) => answer(c, |c| {
                self.allowances.set(&(env.caller, c.spender), &c.value);
                Ok(true)
            }),
            C::transfer(c) => answer(c, |c| self.move_tokens(env.caller, c.to, c.value)),
            C::transferFrom(c) => answer(c, |c| {
                let key = (c.from, env.caller);
                // An answer of false is a refusal too, and a common one.
                let Some(rest) = self.allowances.get(&key).checked_sub(c.value) else { return Ok(false) };
                self.allowances.set(&key, &rest);
                self.move_tokens(c.from, c.to, c.value)
            }),
            C::mint(c) => answer(c, |c| {
                self.balances.update(&c.to, |balance| *balance += c.value);
                Ok(())
            }),
            C::refuse(c) => answer(c, |c| {
                self.refused.set(&c.account, &c.refused);
                Ok(())
            }),
            C::callBack(c) => answer(c, |c| {
                self.target.set(&c.target);
                Ok(())
            }),
        }
    }
}

impl Token {
    fn move_tokens(&mut self, from: Address, to: Address, value: U256) -> Result<bool, Revert> {
        for account in [from, to] {
            ensure!(!self.refused.get(&account), TestToken::Refused { account });
        }
        if let Some(target) = self.target.find() {
            contract(target).call(&Clearing::workCall {})?;
        }
        let Some(rest) = self.balances.get(&from).checked_sub(value) else { return Ok(false) };
        self.balances.set(&from, &rest);
        self.balances.update(&to, |balance| *balance += value);
        Ok(true)
    }
}
