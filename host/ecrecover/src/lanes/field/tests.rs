//! Against the same with numbers of 512 bits.

use alloy_primitives::{U256, U512, uint};
use proptest::prelude::*;

use super::{
    super::{LANES, available},
    *,
};

const P256: U256 = uint!(0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f_U256);

/// Numbers where carries and folds go furthest.
fn edges() -> Vec<U256> {
    let one = U256::from(1);
    let mut edges =
        vec![U256::ZERO, one, U256::from(2), P256 - one, P256, P256 + one, U256::MAX, U256::MAX - one, P256 >> 1];
    for bits in [32, 33, 51, 52, 53, 104, 156, 208, 240, 255] {
        edges.extend([one << bits, (one << bits) - one, U256::MAX << bits, P256 - (one << bits)]);
    }
    edges
}

fn of(numbers: [U256; LANES]) -> [Words; 4] {
    std::array::from_fn(|word| numbers.map(|number| number.as_limbs()[word]))
}

fn numbers(words: [Words; 4]) -> [U256; LANES] {
    std::array::from_fn(|lane| U256::from_limbs(words.map(|word| word[lane])))
}

fn modulo(number: U512) -> U256 {
    U256::from(number % U512::from(P256))
}

type Pair = [[Words; 4]; 2];

/// What comes out of each step: sums, products and powers of what came out before.
#[target_feature(enable = "avx512f,avx512ifma")]
fn steps(a: Pair, b: Pair) -> [Pair; 14] {
    let (a, b) = (Field::of_words(&a), Field::of_words(&b));
    let (sum, product) = (a.add(b), a.mul(b));
    let difference = a.less::<0>(b);
    [
        a,
        sum,
        product,
        a.square(),
        difference,
        a.less::<1>(b),
        a.less::<3>(b),
        a.times_less::<2>(b),
        a.negate(),
        sum.twice().thrice(),
        sum.mul(difference),
        product.times_less::<3>(sum).square(),
        b.invert(),
        b.square().root().square(),
    ]
    .map(|step| step.words())
}

fn check(a: [U256; LANES], b: [U256; LANES]) {
    if !available() {
        return;
    }
    // SAFETY: the processor has the instructions.
    let steps = unsafe { steps([of(a), of(b)], [of(b), of(a)]) };
    for (group, [a, b]) in [[a, b], [b, a]].into_iter().enumerate() {
        check_steps(steps.map(|step| numbers(step[group])), a, b);
    }
}

fn check_steps(steps: [[U256; LANES]; 14], a: [U256; LANES], b: [U256; LANES]) {
    for lane in 0..LANES {
        let wide = |number: U256| U512::from(number % P256);
        let (a, b) = (wide(a[lane]), wide(b[lane]));
        let p = U512::from(P256);
        let less = |a: U512, b: U512| modulo(a + p * U512::from(8) - b);
        let (sum, product) = (wide(modulo(a + b)), wide(modulo(a * b)));
        let difference = wide(less(a, b));
        let last = wide(less(product * U512::from(8), sum));
        let inverse = U256::from(b).inv_mod(P256).unwrap_or_default();
        let expected = [
            U256::from(a),
            U256::from(sum),
            U256::from(product),
            modulo(a * a),
            U256::from(difference),
            less(a, b * U512::from(2)),
            less(a, b * U512::from(8)),
            less(a * U512::from(4), b),
            less(U512::ZERO, a),
            modulo(sum * U512::from(6)),
            modulo(sum * difference),
            modulo(last * last),
            inverse,
            modulo(b * b),
        ];
        for (step, (got, expected)) in steps.map(|step| step[lane]).into_iter().zip(expected).enumerate() {
            assert_eq!(got, expected, "step {step} of {a:#x} and {b:#x}");
        }
    }
}

#[test]
fn edges_with_each_other() {
    let edges = edges();
    for a in &edges {
        for b in edges.chunks(LANES) {
            check([*a; LANES], std::array::from_fn(|lane| b[lane % b.len()]));
        }
    }
}

#[test]
fn zeros_and_odd_ones_are_told_modulo_p() {
    if !available() {
        return;
    }
    let one = U256::from(1);
    let numbers = [U256::ZERO, one, P256, P256 + one, P256 - one, U256::MAX, P256 - U256::from(2), U256::from(2)];
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn asked(words: [Words; 4]) -> (u8, u8) {
        let field = Field::of_words(&[words]);
        (field.zeros()[0], field.odd()[0])
    }
    // SAFETY: the processor has the instructions.
    let (zeros, odd) = unsafe { asked(of(numbers)) };
    // The largest is p and 2^32 + 976.
    assert_eq!((zeros, odd), (0b0000_0101, 0b0100_1010));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn any_with_any(a in any::<[[u64; 4]; LANES]>(), b in any::<[[u64; 4]; LANES]>()) {
        check(a.map(U256::from_limbs), b.map(U256::from_limbs));
    }
}
