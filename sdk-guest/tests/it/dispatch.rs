//! Dispatch: what is not a call of the interface reverts by name, and no calldata makes it panic.

use caldera_sdk::prelude::*;
use caldera_sdk::testing::{Failure, TestHost};
use caldera_sdk::{MalformedCalldata, NotPayable, UnknownSelector};
use proptest::prelude::*;

use crate::fixture::{ADA, BANK, Bank, BankEngine};

fn chain() -> TestHost {
    let host = TestHost::new();
    host.mount::<BankEngine>(BANK);
    host.set_balance(ADA, U256::from(1_000));
    host
}

fn send(value: u64, input: &[u8]) -> Result<Vec<u8>, Failure> {
    chain().call_raw(ADA, BANK, U256::from(value), input)
}

fn check_unknown(input: &[u8], selector: [u8; 4]) {
    let failure = send(0, input).unwrap_err();
    assert_eq!(failure.error::<UnknownSelector>(), Some(UnknownSelector { selector: selector.into() }));
}

#[test]
fn an_unknown_selector_reverts_by_name() {
    check_unknown(&[1, 2, 3, 4, 5], [1, 2, 3, 4]);
    check_unknown(&[1], [1, 0, 0, 0]);
}

#[test]
fn value_goes_only_to_payable_functions() {
    let balance_of = Bank::balanceOfCall { who: ADA }.abi_encode();
    assert!(send(1, &balance_of).unwrap_err().error::<NotPayable>().is_some());
    assert!(send(1, &[]).unwrap_err().error::<NotPayable>().is_some());
    send(0, &balance_of).unwrap();
    send(1, &Bank::depositCall { note: String::new() }.abi_encode()).unwrap();
}

#[test]
fn arguments_are_checked_as_solidity_does() {
    let balance_of = Bank::balanceOfCall { who: ADA }.abi_encode();
    let malformed = Some(MalformedCalldata { selector: Bank::balanceOfCall::SELECTOR.into() });
    let mut dirty = balance_of.clone();
    dirty[4] = 1;
    assert_eq!(send(0, &dirty).unwrap_err().error(), malformed, "an address of more than 20 bytes");
    assert_eq!(send(0, &balance_of[..35]).unwrap_err().error(), malformed, "a word cut short");
    let trailing = [balance_of, vec![0; 5]].concat();
    send(0, &trailing).expect("more than the arguments is allowed");
    let mut text = Bank::depositCall { note: "ab".into() }.abi_encode();
    let at = text.len() - 32;
    text[at] = 0xff;
    let malformed = Some(MalformedCalldata { selector: Bank::depositCall::SELECTOR.into() });
    assert_eq!(send(0, &text).unwrap_err().error(), malformed, "a text that is no UTF-8");
    let bomb = [Bank::payAllCall::SELECTOR.to_vec(), vec![0xff; 64]].concat();
    assert!(send(0, &bomb).unwrap_err().error::<MalformedCalldata>().is_some(), "an offset out of the data");
}

/// An outcome that honest code can have: an answer, or one of the errors of the interface or the SDK.
fn check_decent(result: Result<Vec<u8>, Failure>) -> Result<(), TestCaseError> {
    let Err(failure) = result else { return Ok(()) };
    let known = failure.error::<UnknownSelector>().is_some()
        || failure.error::<MalformedCalldata>().is_some()
        || failure.error::<Bank::Poor>().is_some()
        || failure.message() == "nothing to pay"
        || failure.message() == "not balanceOf";
    prop_assert!(known, "{failure:?}");
    Ok(())
}

fn selector() -> impl Strategy<Value = [u8; 4]> {
    let known: Vec<_> = Bank::BankCalls::selectors().filter(|it| *it != Bank::misbehaveCall::SELECTOR).collect();
    prop_oneof![4 => prop::sample::select(known), 1 => any::<[u8; 4]>()]
}

proptest! {
    #[test]
    fn noise_never_panics(selector in selector(), noise in prop::collection::vec(any::<u8>(), 0..400)) {
        check_decent(send(0, &[selector.to_vec(), noise].concat()))?;
    }

    /// Words that look like offsets, lengths and flags reach deeper into the decoder than noise does.
    #[test]
    fn words_never_panic(selector in selector(), words in prop::collection::vec(prop_oneof![
        (0u64..12).prop_map(|word| U256::from(word * 32)), (0u64..5).prop_map(U256::from), Just(U256::MAX),
    ], 0..24)) {
        let words = words.iter().flat_map(|word| word.to_be_bytes::<32>());
        check_decent(send(0, &selector.into_iter().chain(words).collect::<Vec<_>>()))?;
    }

    #[test]
    fn good_calls_with_one_bad_byte_never_panic(
        notes in prop::collection::vec(".{0,40}", 0..4), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let payments = notes.into_iter().map(|note| Bank::Payment { to: ADA, amount: 1, note }).collect();
        let mut input = Bank::payAllCall { payments, strict: true }.abi_encode();
        let at = at.index(input.len());
        input[at] = byte;
        check_decent(send(0, &input))?;
    }

    #[test]
    fn good_calls_arrive(amounts in prop::collection::vec(1u64.., 1..6), note in ".{0,80}") {
        let payments: Vec<_> =
            amounts.iter().map(|a| Bank::Payment { to: ADA, amount: u128::from(*a), note: note.clone() }).collect();
        let told = chain().call(ADA, BANK, &Bank::payAllCall { payments, strict: true }).unwrap();
        prop_assert_eq!(told.done, amounts.len() as u64);
        prop_assert_eq!(told.sum, amounts.iter().map(|a| u128::from(*a)).sum::<u128>());
    }
}
