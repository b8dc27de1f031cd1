//! The rules of multilateral netting and the default waterfall, and the engine's Solidity interface.
//!
//! Pure: nothing here stores, calls or knows a node. Money is `U256` in the token's smallest unit, arithmetic is checked,
//! and every division says where its remainder goes, so that sums hold to the last unit.

pub mod abi;
pub mod netting;
pub mod pro_rata;
pub mod valuation;
pub mod waterfall;

pub use netting::{Balance, Totals};
pub use pro_rata::Cutoff;
pub use valuation::{PRICE_DECIMALS, Quote, requirement};
pub use waterfall::{Sale, Waterfall};

use alloy_primitives::U256;

/// Bits of the largest amount: 2^96 - 1 is 79 billion tokens of 18 decimals.
const AMOUNT_BITS: usize = 96;
/// Largest amount of one obligation, largest price, and largest margin in one asset that can be posted.
///
/// The bound is what makes overflow impossible further in: 2^32 obligations sum to less than 2^128, a product of two
/// such sums fits 256 bits, and so does amount × price × 10^18.
pub const MAX_AMOUNT: U256 = U256::from_limbs([u64::MAX, u32::MAX as u64, 0, 0]);
/// Most participants. Some of a cycle's work looks at all of them in one step.
pub const MAX_PARTICIPANTS: u32 = 1_000;
/// Most decimals of a token.
pub const MAX_DECIMALS: u8 = 18;
/// A whole, in basis points.
pub const WHOLE_BPS: u16 = 10_000;

const _: () = assert!(AMOUNT_BITS == 64 + 32, "MAX_AMOUNT is written in limbs of 64 bits");

/// A sum, product or difference left the range of 256 bits. The bounds of [`MAX_AMOUNT`] make it unreachable; it is an
/// error and no panic so that a mistake about them refuses one call and does not break it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

impl core::fmt::Display for Overflow {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("an amount left the range of 256 bits")
    }
}

impl core::error::Error for Overflow {}

/// `a + b`.
pub fn add(a: U256, b: U256) -> Result<U256, Overflow> {
    a.checked_add(b).ok_or(Overflow)
}

/// `a - b`.
pub fn sub(a: U256, b: U256) -> Result<U256, Overflow> {
    a.checked_sub(b).ok_or(Overflow)
}

/// `a * b`.
pub fn mul(a: U256, b: U256) -> Result<U256, Overflow> {
    a.checked_mul(b).ok_or(Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_amount_has_its_bits() {
        assert_eq!(MAX_AMOUNT, (U256::ONE << AMOUNT_BITS) - U256::ONE);
        let most_obligations = U256::from(u32::MAX);
        let largest_sum = mul(MAX_AMOUNT, most_obligations).unwrap();
        assert!(mul(largest_sum, largest_sum).is_ok(), "pro rata multiplies two sums");
        let scale = U256::from(10).pow(U256::from(MAX_DECIMALS));
        assert!(
            mul(mul(MAX_AMOUNT, MAX_AMOUNT).unwrap(), scale).is_ok(),
            "valuation multiplies amount, price and scale"
        );
    }
}
