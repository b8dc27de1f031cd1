//! The engine's rules, run as native code on the test chain.

use caldera_sdk::prelude::*;
use caldera_sdk::testing::{Failure, TestHost, check_abi};
use hello_engine::{Hello, HelloEngine};
use proptest::prelude::*;

const HELLO: Address = Address::repeat_byte(0xe1);
const ADA: Address = Address::repeat_byte(0xad);

fn chain() -> TestHost {
    let host = TestHost::new();
    host.mount::<HelloEngine>(HELLO);
    host
}

fn greet(name: &str) -> Hello::greetCall {
    Hello::greetCall { name: name.into() }
}

#[test]
fn abi() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/abi.json");
    check_abi::<HelloEngine>(Hello::abi::contract(), file).unwrap();
}

#[test]
fn greets_and_counts() {
    let host = chain();
    assert_eq!(host.call(ADA, HELLO, &greet("Ada")).unwrap(), "Hello, Ada");
    host.call(ADA, HELLO, &greet("Ada")).unwrap();
    assert_eq!(host.view(ADA, HELLO, &Hello::countCall { who: ADA }).unwrap(), 2);
    assert_eq!(host.view(ADA, HELLO, &Hello::countCall { who: HELLO }).unwrap(), 0);
    assert_eq!(host.events::<Hello::Greeted>(), [1, 2].map(|times| Hello::Greeted { who: ADA, times }));
}

#[test]
fn refuses_a_bad_name() {
    let host = chain();
    for name in ["", &"x".repeat(33)] {
        let failure = host.call(ADA, HELLO, &greet(name)).unwrap_err();
        assert_eq!(failure.error::<Hello::BadName>().unwrap().bytes, U256::from(name.len()));
    }
    assert!(host.storage(HELLO).is_empty() && host.logs().is_empty());
}

#[test]
fn cannot_greet_in_a_static_call() {
    let host = chain();
    assert_eq!(host.view(ADA, HELLO, &greet("Ada")), Err(Failure::Halted("static-write".into())));
}

proptest! {
    /// Whatever anybody sends, the engine answers or refuses; only code that panics or faults halts.
    #[test]
    fn no_calldata_halts(known in any::<prop::sample::Selector>(), input in prop::collection::vec(any::<u8>(), 0..200)) {
        let host = chain();
        let selector = known.select(Hello::HelloCalls::selectors());
        for input in [input.clone(), [selector.to_vec(), input].concat()] {
            let outcome = host.call_raw(ADA, HELLO, U256::ZERO, &input);
            prop_assert!(!matches!(outcome, Err(Failure::Halted(_))), "{outcome:?}");
        }
    }
}
