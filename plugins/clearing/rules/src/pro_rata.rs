//! Sharing a loss pro rata so that the shares add up to it exactly: the largest remainder method (Hamilton, 1792).
//!
//! A creditor bears ⌊loss · credit / total⌋; the units that rounding leaves go one each to the largest remainders, the lower
//! participant number first where remainders are equal. One pass over the creditors finds the [`Cutoff`], the last
//! remainder that gets a unit; after that each share is computed alone, in any step and in any view.

use alloy_primitives::U256;

use crate::{Overflow, add, mul, sub};

/// The last of those who bear a unit for rounding: larger remainders bear one, and so do equal remainders up to its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cutoff {
    /// Its remainder of loss · credit / total. Zero: nothing was left to share, nobody bears a unit more.
    pub remainder: U256,
    /// Its participant number.
    pub number: u32,
}

impl Cutoff {
    /// Finds the cutoff. `credits` are the net creditors as (number, net credit), each once; `total` is their sum.
    pub fn find(loss: U256, total: U256, credits: impl Iterator<Item = (u32, U256)>) -> Result<Self, Overflow> {
        if loss.is_zero() {
            return Ok(Self::default());
        }
        let mut left = loss;
        let mut remainders = Vec::new();
        for (number, credit) in credits {
            let (share, remainder) = divide(loss, credit, total)?;
            left = sub(left, share)?;
            remainders.push((remainder, number));
        }
        // The remainders sum to `left` · total and each is below total, so fewer units are left than there are creditors
        // with a remainder. A larger remainder comes first, then the lower number.
        let Some(last) = usize::try_from(left).ok().and_then(|left| left.checked_sub(1)) else {
            return Ok(Self::default());
        };
        remainders.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        remainders.get(last).map(|&(remainder, number)| Self { remainder, number }).ok_or(Overflow)
    }

    /// What one creditor bears. Never more than its credit while `loss` is not more than `total`.
    pub fn share(&self, loss: U256, total: U256, number: u32, credit: U256) -> Result<U256, Overflow> {
        if loss.is_zero() || credit.is_zero() {
            return Ok(U256::ZERO);
        }
        let (share, remainder) = divide(loss, credit, total)?;
        let first = remainder > self.remainder || (remainder == self.remainder && number <= self.number);
        add(share, U256::from(!self.remainder.is_zero() && first))
    }
}

/// Quotient and remainder of loss · credit / total.
fn divide(loss: U256, credit: U256, total: U256) -> Result<(U256, U256), Overflow> {
    let product = mul(loss, credit)?;
    Ok((product.checked_div(total).ok_or(Overflow)?, product.checked_rem(total).ok_or(Overflow)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The shares, each computed alone.
    fn shares(loss: U256, credits: &[U256]) -> Vec<U256> {
        let total = credits.iter().sum();
        let numbered = || credits.iter().zip(1u32..).map(|(credit, number)| (number, *credit));
        let cutoff = Cutoff::find(loss, total, numbered()).unwrap();
        numbered().map(|(number, credit)| cutoff.share(loss, total, number, credit).unwrap()).collect()
    }

    /// The textbook's method, all at once.
    fn hamilton(loss: u128, credits: &[u128]) -> Vec<u128> {
        let total: u128 = credits.iter().sum();
        let mut shares: Vec<u128> = credits.iter().map(|credit| loss * credit / total).collect();
        let mut order: Vec<usize> = (0..credits.len()).collect();
        order.sort_by_key(|&i| (std::cmp::Reverse(loss * credits[i] % total), i));
        let left = loss - shares.iter().sum::<u128>();
        order.iter().take(left as usize).for_each(|&i| shares[i] += 1);
        shares
    }

    fn check(loss: u128, credits: &[u128]) {
        let wide: Vec<U256> = credits.iter().map(|credit| U256::from(*credit)).collect();
        let shares = shares(U256::from(loss), &wide);
        assert_eq!(shares.iter().sum::<U256>(), U256::from(loss), "the shares add up");
        assert!(shares.iter().zip(&wide).all(|(share, credit)| share <= credit), "nobody bears more than its credit");
        let expected: Vec<U256> = hamilton(loss, credits).into_iter().map(U256::from).collect();
        assert_eq!(shares, expected);
    }

    #[test]
    fn examples() {
        check(1, &[1, 1, 1]);
        check(2, &[1, 1, 1]);
        check(3, &[1, 1, 1]);
        check(10, &[7, 7, 7]);
        check(100, &[1, 1_000_000]);
        check(5, &[5]);
        // Two equal remainders for one unit: the lower number bears it.
        assert_eq!(shares(U256::from(1), &[U256::from(5), U256::from(5)]), [U256::ONE, U256::ZERO]);
    }

    #[test]
    fn without_a_loss_nobody_bears_anything() {
        assert_eq!(shares(U256::ZERO, &[U256::from(5), U256::from(9)]), [U256::ZERO; 2]);
    }

    proptest! {
        #[test]
        fn adds_up_to_the_last_unit(
            credits in prop::collection::vec(1u128..1_000_000_000_000, 1..60),
            part in 0u128..=1_000_000,
        ) {
            let total: u128 = credits.iter().sum();
            check(total * part / 1_000_000, &credits);
        }

        #[test]
        fn adds_up_where_many_remainders_are_equal(credits in prop::collection::vec(1u128..4, 1..60), part in 0u128..=100) {
            let total: u128 = credits.iter().sum();
            check(total * part / 100, &credits);
        }
    }
}
