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

/// The limbs of a number; any that stand for it between operations will do.
type Limbs = [u64; LIMBS];

fn limbs(number: U256) -> Limbs {
    std::array::from_fn(|limb| (number >> (52 * limb)).as_limbs()[0] & MASK as u64)
}

fn value(limbs: Limbs) -> U512 {
    limbs.iter().rev().fold(U512::ZERO, |value, limb| (value << 52) + U512::from(*limb))
}

fn modulo(number: U512) -> U256 {
    U256::from(number % U512::from(P256))
}

/// What came out of a step for both groups: limbs as they were left, and the numbers themselves.
type Step = ([[Limbs; LANES]; 2], [[Words; 4]; 2]);

/// What comes out of each step: sums, products and powers of what came out before. The second group has them the other way round.
#[target_feature(enable = "avx512f,avx512ifma")]
fn steps(a: [Limbs; LANES], b: [Limbs; LANES]) -> [Step; 14] {
    let across =
        |numbers: [Limbs; LANES]| std::array::from_fn(|limb| bytemuck::cast(numbers.map(|number| number[limb])));
    let (a, b) = (across(a), across(b));
    let (a, b) = (Field::<2>([a, b]), Field::<2>([b, a]));
    let (sum, product) = (a.add(b), a.mul(b));
    let difference = a.less::<0>(b);
    let steps = [
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
    ];
    let along = |group: [__m512i; LIMBS]| {
        let limbs: [Words; LIMBS] = bytemuck::cast(group);
        std::array::from_fn(|lane| limbs.map(|limb| limb[lane]))
    };
    steps.map(|step| (step.0.map(along), step.words()))
}

/// Whether the instructions can be tried here; says so if not.
fn here() -> bool {
    let here = available();
    if !here {
        eprintln!("SKIPPED: this processor has no AVX-512 IFMA");
    }
    here
}

fn check(a: [Limbs; LANES], b: [Limbs; LANES]) {
    if !here() {
        return;
    }
    // SAFETY: the processor has the instructions.
    for (step, (got, words)) in unsafe { steps(a, b) }.into_iter().enumerate() {
        for (group, [a, b]) in [[a, b], [b, a]].into_iter().enumerate() {
            for lane in 0..LANES {
                let (got, words) = (got[group][lane], words[group].map(|word| word[lane]));
                let said = || format!("step {step} of {:#x} and {:#x}", value(a[lane]), value(b[lane]));
                assert!(
                    got[..4].iter().all(|limb| *limb <= MASK as u64) && got[4] < (1 << 48) + (1 << 6),
                    "{}",
                    said()
                );
                assert_eq!(modulo(value(got)), expected(a[lane], b[lane])[step], "{}", said());
                assert_eq!(U256::from_limbs(words), modulo(value(got)), "{}", said());
            }
        }
    }
}

fn expected(a: Limbs, b: Limbs) -> [U256; 14] {
    let wide = |number: U256| U512::from(number);
    let (a, b) = (wide(modulo(value(a))), wide(modulo(value(b))));
    let less = |a: U512, b: U512| modulo(a + U512::from(P256) * U512::from(8) - b);
    let (sum, product) = (wide(modulo(a + b)), wide(modulo(a * b)));
    let difference = wide(less(a, b));
    let last = wide(less(product * U512::from(8), sum));
    [
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
        U256::from(b).inv_mod(P256).unwrap_or_default(),
        modulo(b * b),
    ]
}

fn check_with_each_other(all: &[Limbs]) {
    for a in all {
        for b in all.chunks(LANES) {
            check([*a; LANES], std::array::from_fn(|lane| b[lane % b.len()]));
        }
    }
}

#[test]
fn edges_with_each_other() {
    check_with_each_other(&edges().into_iter().map(limbs).collect::<Vec<_>>());
}

/// Limbs as large as they may be between operations, in every place.
#[test]
fn full_limbs_with_each_other() {
    let limb = |set: usize, index: usize| match (index, set >> index & 1) {
        (4, 1) => (1 << 48) + (1 << 6) - 1,
        (_, 1) => MASK as u64,
        _ => 0,
    };
    check_with_each_other(&(0..32).map(|set| std::array::from_fn(|index| limb(set, index))).collect::<Vec<_>>());
}

#[test]
fn zeros_and_odd_ones_are_told_modulo_p() {
    if !here() {
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
    let (zeros, odd) = unsafe { asked(std::array::from_fn(|word| numbers.map(|number| number.as_limbs()[word]))) };
    // The largest is p and 2^32 + 976.
    assert_eq!((zeros, odd), (0b0000_0101, 0b0100_1010));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn any_with_any(a in any::<[[u64; 4]; LANES]>(), b in any::<[[u64; 4]; LANES]>()) {
        check(a.map(|a| limbs(U256::from_limbs(a))), b.map(|b| limbs(U256::from_limbs(b))));
    }
}
