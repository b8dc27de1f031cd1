//! Calldata for the probe and for clearing: selectors that there are, with words that are plausible, damaged or noise.

use caldera_testkit::PROBE;
use clearing_rules::abi::Clearing::ClearingCalls;
use probe_engine::IProbe::IProbeCalls;

use crate::{
    guest::Guest,
    seed::{Numbers, fuzz},
    world::{CLEARING, World},
};

/// The probe's `spin`, `exhaust` and the like end with their gas: little of it keeps the runs short.
const GAS: u64 = 400_000;

#[test]
fn calldata_of_any_kind_has_an_answer() {
    let world = World::new(Guest::default().component());
    let selectors = [(PROBE, IProbeCalls::SELECTORS), (CLEARING, ClearingCalls::SELECTORS)];
    fuzz("calldata", |numbers| {
        let (to, selectors) = *numbers.pick(&selectors);
        let input = calldata(numbers, selectors);
        let (from, value) = (numbers.below(4) as u8, u64::from(numbers.one_in(8)));
        let gas = if numbers.one_in(4) { 60_000 + numbers.below(200_000) as u64 } else { GAS };
        // Calldata pays up to 40 gas a byte before anything runs (EIP-7623).
        let gas = gas + 40 * input.len() as u64;
        let name = if to == PROBE { "probe" } else { "clearing" };
        format!("{name:<8} {}", world.ask(from, to, value, gas, &input))
    });
}

fn calldata(numbers: &mut Numbers, selectors: &[[u8; 4]]) -> Vec<u8> {
    if numbers.one_in(20) {
        let len = numbers.below(300);
        return numbers.bytes(len);
    }
    let mut input = numbers.pick(selectors).to_vec();
    let words = numbers.below(24);
    for _ in 0..words {
        input.extend_from_slice(&word(numbers, words));
    }
    // Not a whole word, or a bit turned.
    if numbers.one_in(6) {
        input.truncate(input.len() - numbers.below(input.len().min(40)));
    }
    if numbers.one_in(4) && !input.is_empty() {
        let at = numbers.below(input.len());
        input[at] ^= 1 << numbers.below(8);
    }
    input
}

/// A word such as decoders meet: an offset, a length, an address, a sign, the largest number, noise.
fn word(numbers: &mut Numbers, words: usize) -> [u8; 32] {
    let mut word = [0; 32];
    match numbers.below(8) {
        0 | 1 => word[24..].copy_from_slice(&(32 * numbers.below(words + 1) as u64).to_be_bytes()),
        2 => word[24..].copy_from_slice(&(numbers.below(70) as u64).to_be_bytes()),
        3 => word[12..].copy_from_slice(&caldera_testkit::account(numbers.below(4) as u8).address()[..]),
        4 => word = [0xff; 32],
        5 => word[24..].copy_from_slice(&numbers.next().to_be_bytes()),
        6 => word.copy_from_slice(&numbers.bytes(32)),
        _ => word[31] = numbers.below(3) as u8,
    }
    word
}
