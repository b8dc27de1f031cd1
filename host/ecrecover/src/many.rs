//! Recoveries eight at a time.

use alloy_primitives::{Address, U256, keccak256};
use k256::{
    Scalar,
    elliptic_curve::{
        PrimeField,
        ops::{Invert, Reduce},
    },
};

use crate::{
    Signed,
    lanes::{self, LANES, Lane},
    scalars::split,
    single,
    words::{bytes, words},
};

/// From so many on, eight lanes take less time than so many recoveries one after the other.
const WORTH: usize = 2;
/// Signatures that one inversion is done for.
const INVERTED: usize = 64;

/// Who signed each. The processor has the instructions.
pub(crate) fn signers(signed: &[Signed]) -> Vec<Option<Address>> {
    let mut signers = if signed.len() < WORTH { vec![None; signed.len()] } else { by_lanes(signed) };
    for (who, signed) in signers.iter_mut().zip(signed) {
        *who = who.or_else(|| single::signer(signed));
    }
    signers
}

/// Who signed each, as far as the lanes can tell.
fn by_lanes(signed: &[Signed]) -> Vec<Option<Address>> {
    let mut signers = Vec::with_capacity(signed.len());
    for some in signed.chunks(INVERTED) {
        let parsed: Vec<_> = some.iter().map(Parsed::of).collect();
        let lane = |(parsed, inverse): (&Option<Parsed>, Scalar)| Some(parsed.as_ref()?.lane(inverse));
        let lanes: Vec<_> = parsed.iter().zip(inverses(&parsed)).map(lane).collect();
        for lanes in lanes.chunks(2 * LANES) {
            match lanes.len() {
                0..WORTH => signers.extend(lanes.iter().map(|_| None)),
                WORTH..=LANES => signers.extend(run::<1>(lanes)),
                // Two groups take much less than twice the time of one; a third gains nothing more.
                _ => signers.extend(run::<2>(lanes)),
            }
        }
    }
    signers
}

/// Of at most `G` times eight.
fn run<const G: usize>(lanes: &[Option<Lane>]) -> impl Iterator<Item = Option<Address>> {
    let mut todo = [[Lane::default(); LANES]; G];
    todo.as_flattened_mut().iter_mut().zip(lanes).for_each(|(todo, lane)| *todo = lane.unwrap_or_default());
    let keys = lanes::run(&todo).into_iter().flatten();
    lanes.iter().zip(keys).map(|(lane, key)| key.filter(|_| lane.is_some()).map(address))
}

fn address([x, y]: lanes::Key) -> Address {
    let mut key = [0; 64];
    key[..32].copy_from_slice(&bytes(x));
    key[32..].copy_from_slice(&bytes(y));
    Address::from_slice(&keccak256(key)[12..])
}

/// A signature whose two numbers are from 1 to below the order.
struct Parsed {
    x: [u64; 4],
    odd: bool,
    r: Scalar,
    s: Scalar,
    digest: Scalar,
}

impl Parsed {
    fn of(signed: &Signed) -> Option<Self> {
        let scalar = |number: U256| {
            let scalar = Option::<Scalar>::from(Scalar::from_repr(number.to_be_bytes::<32>().into()))?;
            (!number.is_zero()).then_some(scalar)
        };
        Some(Self {
            x: *signed.r.as_limbs(),
            odd: signed.odd,
            r: scalar(signed.r)?,
            s: scalar(signed.s)?,
            digest: <Scalar as Reduce<k256::U256>>::reduce_bytes(&signed.digest.0.into()),
        })
    }

    /// With the inverse of r: the key is (s R - digest G) / r.
    fn lane(&self, inverse: Scalar) -> Lane {
        let halves = |number: Scalar| split(U256::from_limbs(words(&number.to_repr())));
        Lane { x: self.x, odd: self.odd, point: halves(self.s * inverse), generator: halves(-(self.digest * inverse)) }
    }
}

/// The inverse of each r, by one inversion (Montgomery's trick); of what is not there, 1.
fn inverses(parsed: &[Option<Parsed>]) -> Vec<Scalar> {
    let numbers = || parsed.iter().map(|parsed| parsed.as_ref().map_or(Scalar::ONE, |parsed| parsed.r));
    let mut product = Scalar::ONE;
    // What stands before each, multiplied.
    let mut inverses = Vec::with_capacity(parsed.len());
    for number in numbers() {
        inverses.push(product);
        product *= number;
    }
    // None of them is zero.
    let mut inverse = product.invert_vartime().unwrap_or(Scalar::ZERO);
    for (before, number) in inverses.iter_mut().zip(numbers()).rev() {
        *before *= inverse;
        inverse *= number;
    }
    inverses
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    /// What is slow is seldom: of signatures that nobody made up on purpose, the lanes decide all.
    #[test]
    fn the_lanes_decide() {
        if !lanes::available() {
            eprintln!("SKIPPED: this processor has no AVX-512 IFMA");
            return;
        }
        let signed = |number: u64| {
            let [digest, r, s] =
                [0, 1, 2].map(|part| keccak256([number.to_be_bytes(), u64::to_be_bytes(part)].concat()));
            Signed { digest, r: r.into(), s: s.into(), odd: number % 2 == 1 }
        };
        let all: Vec<_> = (0..800).map(signed).collect();
        let expected: Vec<_> = all.iter().map(single::signer).collect();
        let decided = by_lanes(&all);
        assert_eq!(decided, expected);
        // Half of all x have a point.
        assert!((300..500).contains(&decided.iter().flatten().count()));
        let none = Signed { digest: B256::ZERO, r: U256::ZERO, s: U256::ZERO, odd: false };
        assert_eq!(by_lanes(&[none; 3]), [None; 3]);
    }
}
