//! Recoveries eight at a time.

use alloy_primitives::{Address, U256, keccak256};
use k256::{
    Scalar,
    elliptic_curve::{
        PrimeField,
        ops::{Invert, Reduce},
    },
};
use std::sync::LazyLock;

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

/// Signatures that the lanes are tried with.
const TRIED: u64 = 4 * LANES as u64;

/// Whether the lanes are used: the processor has the instructions, and was seen to come to the same with them as libsecp256k1.
/// A compiler or a machine that gets them wrong would take this node off its chain.
pub(crate) fn is_sound() -> bool {
    static SOUND: LazyLock<bool> = LazyLock::new(|| {
        let tried: Vec<_> = (0..TRIED).map(made_up).collect();
        let agrees = |(signed, by_lanes): (&Signed, Option<Address>)| by_lanes == single::signer(signed);
        let sound = || {
            [LANES, 2 * LANES]
                .iter()
                .all(|group| tried.chunks(*group).all(|some| some.iter().zip(by_lanes(some)).all(agrees)))
        };
        lanes::available()
            && (sound()
                || {
                    tracing::error!(
                        "AVX-512 IFMA comes to other signers than libsecp256k1 on this machine: it is not used; have the machine looked at"
                    );
                    false
                })
    });
    *SOUND
}

/// Some signature. About half of them have no signer.
fn made_up(number: u64) -> Signed {
    let part = |part: u64| keccak256([number.to_be_bytes(), part.to_be_bytes()].concat());
    Signed { digest: part(0), r: part(1).into(), s: part(2).into(), odd: number % 2 == 1 }
}

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
    use alloy_primitives::{B256, uint};

    const GENERATOR_X: U256 = uint!(0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798_U256);

    /// What is slow is seldom: of signatures that nobody made up on purpose, the lanes decide all.
    #[test]
    fn the_lanes_decide() {
        if !lanes::available() {
            eprintln!("SKIPPED: this processor has no AVX-512 IFMA");
            return;
        }
        let all: Vec<_> = (0..800).map(made_up).collect();
        let expected: Vec<_> = all.iter().map(single::signer).collect();
        let decided = by_lanes(&all);
        assert_eq!(decided, expected);
        // Half of all x have a point.
        assert!((300..500).contains(&decided.iter().flatten().count()));
        let none = Signed { digest: B256::ZERO, r: U256::ZERO, s: U256::ZERO, odd: false };
        assert_eq!(by_lanes(&[none; 3]), [None; 3]);
        assert!(is_sound());
    }

    /// One that the lanes cannot decide does not touch those beside it, in whatever lane it is and however many there are.
    #[test]
    fn neighbours_are_decided() {
        if !lanes::available() {
            eprintln!("SKIPPED: this processor has no AVX-512 IFMA");
            return;
        }
        let good: Vec<_> = (0..400).map(made_up).filter(|signed| single::signer(signed).is_some()).take(130).collect();
        let expected: Vec<_> = good.iter().map(single::signer).collect();
        let x = |x: u64| U256::from_limbs([x, 0, 0, 0]);
        let bad = [
            // Not a number from 1, no point with this x, and a key at infinity: s R = digest G with R = G.
            Signed { r: U256::ZERO, ..good[0] },
            Signed { r: x(5), ..good[0] },
            Signed { digest: x(3).into(), r: GENERATOR_X, s: x(3), odd: false },
        ];
        for bad in bad {
            assert_eq!(single::signer(&bad), None, "{bad:?}");
            for at in 0..2 * LANES {
                let (mut some, mut known) = (good[..2 * LANES].to_vec(), expected[..2 * LANES].to_vec());
                (some[at], known[at]) = (bad, None);
                assert_eq!(by_lanes(&some), known, "{bad:?} in lane {at}");
            }
        }
        for count in (2..=33).chain([63, 64, 65, 66, 79, 80, 81, 127, 128, 129]) {
            // What is alone at the end is not for the lanes.
            let alone = count % INVERTED % (2 * LANES) == 1;
            let decided = by_lanes(&good[..count]);
            assert_eq!(decided[..count - usize::from(alone)], expected[..count - usize::from(alone)], "of {count}");
            assert!(!alone || decided[count - 1].is_none());
        }
    }
}
