//! The smallest useful engine, explained line by line.

use caldera_sdk::prelude::*;

// What wallets and contracts see. `sol!` turns it into Rust types: `Hello::greetCall`, `Hello::Greeted`, …
sol! {
    interface Hello {
        /// Somebody was greeted, for the `times`-th time.
        event Greeted(address indexed who, uint64 times);
        /// A name must have 1 to 32 bytes.
        error BadName(uint256 bytes);

        function greet(string name) external returns (string);
        function count(address who) external view returns (uint64);
    }
}

// What the engine remembers: entries of its own storage, under the state root. The fields are handles; nothing is
// loaded until it is asked for, and the value itself lives no longer than a call.
storage! {
    /// An engine that greets and counts.
    pub struct HelloEngine {
        greeted: Map<Address, u64>,
    }
}

impl Engine for HelloEngine {
    type Calls = Hello::HelloCalls;
    const NAME: &'static str = "hello";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    // Written and checked by the test `abi`.
    const ABI: &'static str = include_str!("../abi.json");

    // One arm per function: the arguments arrive decoded and checked, `answer` encodes what comes back.
    fn call(&mut self, env: &CallEnv, call: Self::Calls) -> Result<Vec<u8>, Revert> {
        match call {
            Self::Calls::greet(call) => answer(call, |call| self.greet(env.caller, &call.name)),
            Self::Calls::count(call) => answer(call, |call| Ok(self.greeted.get(&call.who))),
        }
    }
}

impl HelloEngine {
    fn greet(&mut self, who: Address, name: &str) -> Result<String, Revert> {
        // A typed refusal: everything this call wrote is undone, and the caller can decode why.
        ensure!((1..=32).contains(&name.len()), Hello::BadName { bytes: U256::from(name.len()) });
        let times = self.greeted.get(&who) + 1;
        self.greeted.set(&who, &times);
        emit(&Hello::Greeted { who, times });
        Ok(format!("Hello, {name}"))
    }
}

// Makes the crate a component. Native builds leave it out.
caldera_sdk::export!(HelloEngine);
