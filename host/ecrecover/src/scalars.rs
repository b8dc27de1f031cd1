//! Numbers modulo the order of secp256k1, taken apart for [`crate::lanes`].
//!
//! The curve has an endomorphism, (x, y) to (beta x, y), that is a multiplication by lambda; with it a product by a number of 256 bits
//! is a sum of two by numbers of 128 (Gallant, Lambert, Vanstone: "Faster Point Multiplication on Elliptic Curves with Efficient
//! Endomorphisms", 2001).

use alloy_primitives::{U256, U512, uint};

/// A number below 2^128, and whether it is to be taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Half {
    pub magnitude: u128,
    pub negative: bool,
}

// The short vectors of the lattice of all (i, j) with i + j lambda = 0 modulo the order: (A1, -B1) and (A2, A1).
const A1: U256 = uint!(0x3086d221a7d46bcde86c90e49284eb15_U256);
const B1: U256 = uint!(0xe4437ed6010e88286f547fa90abfe4c3_U256);
const A2: U256 = uint!(0x114ca50f7a8e2f3f657c1108d9d44cfd8_U256);
/// 2^384 A1 / order, rounded,
const G1: U256 = uint!(0x3086d221a7d46bcde86c90e49284eb153daa8a1471e8ca7fe893209a45dbb031_U256);
/// and 2^384 B1 / order.
const G2: U256 = uint!(0xe4437ed6010e88286f547fa90abfe4c4221208ac9df506c61571b4ae8ac47f71_U256);

/// The two numbers with `first + second * lambda = number` modulo the order, for a number below the order.
pub(crate) fn split(number: U256) -> [Half; 2] {
    let rounded = |factor: U256| {
        let product: U512 = number.widening_mul(factor);
        let [.., half, a, b] = *product.as_limbs();
        U256::from(u128::from(a) | u128::from(b) << 64) + U256::from(half >> 63)
    };
    let (c1, c2) = (rounded(G1), rounded(G2));
    // Modulo 2^256: what comes out is small, positive or negative.
    let times = |a: U256, b: U256| a.wrapping_mul(b);
    let first = number.wrapping_sub(times(c1, A1)).wrapping_sub(times(c2, A2));
    let second = times(c1, B1).wrapping_sub(times(c2, A1));
    [half(first), half(second)]
}

fn half(number: U256) -> Half {
    let negative = number.bit(255);
    let magnitude = if negative { number.wrapping_neg() } else { number };
    let [low, high, ..] = *magnitude.as_limbs();
    Half { magnitude: u128::from(low) | u128::from(high) << 64, negative }
}

impl Half {
    /// The digit at `place` to the base 2^`WIDTH`, from -2^(`WIDTH` - 1) to 2^(`WIDTH` - 1) (Booth: "A Signed Binary Multiplication
    /// Technique", 1951). With one place more than 128 bits have, the digits make up the number.
    pub(crate) fn digit<const WIDTH: u32>(self, place: usize) -> i64 {
        let low = place as u32 * WIDTH;
        let bits = |from: u32| self.magnitude.checked_shr(from).unwrap_or(0) as i64;
        let above = bits(low) & ((1 << WIDTH) - 1);
        let below = if low == 0 { 0 } else { bits(low - 1) & 1 };
        let digit = above + below - ((above >> (WIDTH - 1)) << WIDTH);
        if self.negative { -digit } else { digit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
    const LAMBDA: U256 = uint!(0x5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72_U256);

    fn modulo(half: Half) -> U256 {
        let magnitude = U256::from(half.magnitude);
        if half.negative { ORDER - magnitude } else { magnitude }
    }

    fn check(number: U256) {
        let [first, second] = split(number);
        assert_eq!(modulo(first).add_mod(modulo(second).mul_mod(LAMBDA, ORDER), ORDER), number, "{number}");
        for half in [first, second] {
            let fours: i128 = (0..32).rev().fold(half.digit::<4>(32).into(), |sum, place| {
                sum.wrapping_mul(16).wrapping_add(half.digit::<4>(place).into())
            });
            let eights: i128 = (0..16).rev().fold(half.digit::<8>(16).into(), |sum, place| {
                sum.wrapping_mul(256).wrapping_add(half.digit::<8>(place).into())
            });
            let number = if half.negative { half.magnitude.wrapping_neg() } else { half.magnitude };
            assert_eq!((fours as u128, eights as u128), (number, number));
            assert!((0..33).all(|place| half.digit::<4>(place).abs() <= 8));
            assert!((0..17).all(|place| half.digit::<8>(place).abs() <= 128));
        }
    }

    #[test]
    fn the_edges_of_the_order() {
        let one = U256::from(1);
        for number in [U256::ZERO, one, ORDER - one, LAMBDA, ORDER - LAMBDA, ORDER >> 1, (ORDER >> 1) + one, A1, A2, B1]
        {
            check(number);
        }
    }

    #[test]
    fn the_factors_are_rounded_quotients() {
        for (vector, factor) in [(A1, G1), (B1, G2)] {
            let quotient = ((U512::from(vector) << 384) + U512::from(ORDER >> 1)) / U512::from(ORDER);
            assert_eq!(quotient, U512::from(factor));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]
        #[test]
        fn two_halves_make_a_number(words in any::<[u64; 4]>(), shift in 0usize..256) {
            check((U256::from_limbs(words) >> shift) % ORDER);
        }
    }
}
