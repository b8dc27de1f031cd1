//! An engine that does everything that a test wants to see.

use caldera_sdk::contract::CallError;
use caldera_sdk::crypto::keccak256;
use caldera_sdk::prelude::*;

pub const BANK: Address = Address::repeat_byte(0xba);
pub const OTHER: Address = Address::repeat_byte(0x07);
pub const ADA: Address = Address::repeat_byte(0xad);

sol! {
    interface Bank {
        struct Payment { address to; uint128 amount; string note; }
        event Deposited(address indexed who, string indexed note, uint256 amount);
        error Poor(uint256 balance);

        function deposit(string note) external payable;
        function withdraw(uint256 amount) external returns (uint256 left);
        function balanceOf(address who) external view returns (uint256);
        function payAll(Payment[] payments, bool strict) external returns (uint64 done, uint128 sum);
        function poke(address other, bytes input, uint256 value, bool readOnly) external returns (uint8 outcome, bytes data);
        function misbehave(uint8 how) external;
    }
}

storage! {
    /// Balances of wei, and what was noted.
    pub struct BankEngine {
        balances as "b": Map<Address, U256>,
        notes: List<String>,
        blocks: Value<u64>,
    }
}

impl Engine for BankEngine {
    type Calls = Bank::BankCalls;
    const NAME: &'static str = "bank";
    const VERSION: &'static str = "1.0.0";
    const ABI: &'static str = "";
    const PAYABLE: &'static [[u8; 4]] = &[Bank::depositCall::SELECTOR];
    const END_BLOCK: bool = true;

    fn call(&mut self, env: &CallEnv, call: Self::Calls) -> Result<Vec<u8>, Revert> {
        match call {
            Self::Calls::deposit(call) => answer(call, |call| self.deposit(env, call.note)),
            Self::Calls::withdraw(call) => answer(call, |call| self.withdraw(env.caller, call.amount)),
            Self::Calls::balanceOf(call) => answer(call, |call| Ok(self.balances.get(&call.who))),
            Self::Calls::payAll(call) => answer(call, |call| self.pay_all(call)),
            Self::Calls::poke(call) => answer(call, |call| self.poke(call)),
            Self::Calls::misbehave(call) => answer(call, |call| self.misbehave(call.how)),
        }
    }

    fn init(&mut self, config: &[u8]) -> Result<(), String> {
        self.notes.push(&"init".into());
        let first = config.first().ok_or("no config")?;
        self.blocks.set(&u64::from(*first));
        Ok(())
    }

    fn end_block(&mut self, block: &BlockEnv, _summary: &BlockSummary) -> Result<(), String> {
        self.blocks.set(&block.number);
        ensure!(block.number.is_multiple_of(2), Bank::Poor { balance: U256::from(block.number) });
        Ok(())
    }
}

impl BankEngine {
    fn deposit(&mut self, env: &CallEnv, note: String) -> Result<(), Revert> {
        self.balances.update(&env.caller, |balance| *balance += env.value);
        self.notes.push(&note);
        emit(&Bank::Deposited { who: env.caller, note: keccak256(note.as_bytes()), amount: env.value });
        Ok(())
    }

    fn withdraw(&mut self, who: Address, amount: U256) -> Result<U256, Revert> {
        let balance = self.balances.get(&who);
        let left = balance.checked_sub(amount).ok_or(Bank::Poor { balance })?;
        self.balances.set(&who, &left);
        contract(who).value(amount).call_raw(&[])?;
        Ok(left)
    }

    fn pay_all(&mut self, call: Bank::payAllCall) -> Result<(u64, u128), Revert> {
        let mut sum = 0u128;
        for payment in &call.payments {
            self.notes.push(&payment.note);
            sum = sum.wrapping_add(payment.amount);
        }
        ensure!(!call.strict || sum > 0, "nothing to pay");
        Ok((call.payments.len() as u64, sum))
    }

    /// Writes a note, calls, and tells how the call went, whatever it did.
    fn poke(&mut self, call: Bank::pokeCall) -> Result<(u8, Bytes), Revert> {
        if !call.readOnly {
            self.notes.push(&"poke".into());
        }
        let other = contract(call.other).value(call.value);
        let result = if call.readOnly {
            let call = Bank::balanceOfCall::abi_decode(&call.input).map_err(|_| Revert::message("not balanceOf"))?;
            other.view(&call).map(|balance| balance.to_be_bytes::<32>().to_vec())
        } else {
            other.call_raw(&call.input)
        };
        let (outcome, data) = match result.map_err(|failure| failure.error) {
            Ok(data) => (0, data),
            Err(CallError::Reverted(data)) => (1, data),
            Err(CallError::Halted(reason)) => (2, reason.into_bytes()),
            Err(CallError::TooDeep) => (3, Vec::new()),
            Err(CallError::InsufficientBalance) => (4, Vec::new()),
            Err(CallError::BadReturn) => (5, Vec::new()),
        };
        Ok((outcome, data.into()))
    }

    fn misbehave(&mut self, how: u8) -> Result<(), Revert> {
        self.notes.push(&"before".into());
        match how {
            0 => panic!("told to"),
            1 => drop(Map::<Vec<u8>, u8>::new("m").get(&vec![0; 300])),
            2 => Map::<u8, Vec<u8>>::new("m").set(&0, &vec![1; 24 * 1024 + 1]),
            3 => {
                Value::<u64>::new("v").set(&7);
                Value::<[u8; 20]>::new("v").get();
            }
            4 => return Err(Revert::message("no")),
            _ => {}
        }
        Ok(())
    }
}
