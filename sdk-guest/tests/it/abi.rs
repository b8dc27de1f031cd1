//! The ABI check: it tells a stale file, another interface and a wrong payable list.

use caldera_sdk::prelude::*;
use caldera_sdk::testing::{check_abi, write_abi};

use crate::fixture::{Bank, BankEngine};

sol! {
    interface Small {
        function pay() external payable;
        function ask() external view returns (uint64);
    }
}

sol! {
    interface Frozen {
        function pay() external;
        function ask() external view returns (uint64);
    }
}

/// What `write_abi` gives for `Small`.
const SMALL: &str = r#"[
  {"type":"function","name":"ask","inputs":[],"outputs":[{"name":"","type":"uint64"}],"stateMutability":"view"},
  {"type":"function","name":"pay","inputs":[],"outputs":[],"stateMutability":"payable"},
  {"type":"error","name":"CallFailed","inputs":[{"name":"to","type":"address"},{"name":"reason","type":"string"}]},
  {"type":"error","name":"MalformedCalldata","inputs":[{"name":"selector","type":"bytes4"}]},
  {"type":"error","name":"NotPayable","inputs":[]},
  {"type":"error","name":"UnknownSelector","inputs":[{"name":"selector","type":"bytes4"}]}
]
"#;

#[derive(Default)]
struct SmallEngine;

impl Engine for SmallEngine {
    type Calls = Small::SmallCalls;
    const NAME: &'static str = "small";
    const VERSION: &'static str = "1.0.0";
    const ABI: &'static str = SMALL;
    const PAYABLE: &'static [[u8; 4]] = &[Small::payCall::SELECTOR];

    fn call(&mut self, _env: &CallEnv, _call: Self::Calls) -> Result<Vec<u8>, Revert> {
        Ok(Vec::new())
    }
}

#[test]
fn says_what_the_interface_says() {
    assert_eq!(write_abi(Small::abi::contract()), SMALL);
    check_abi::<SmallEngine>(Small::abi::contract(), "unused").unwrap();
}

#[test]
fn tells_what_is_wrong() {
    for (result, wrong) in [
        (check_abi::<BankEngine>(Bank::abi::contract(), "bank.json"), "bank.json is out of date"),
        (check_abi::<SmallEngine>(Bank::abi::contract(), "x"), "another interface"),
        (check_abi::<SmallEngine>(Frozen::abi::contract(), "x"), "payable"),
    ] {
        assert!(result.unwrap_err().contains(wrong));
    }
}
