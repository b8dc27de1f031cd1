//! Recoveries eight at a time, one in each lane of AVX-512 registers.
//!
//! All lanes do the same steps. A signature that the steps do not fit (it is not valid, or a sum on the way is of equal points) comes
//! out as none; whoever called asks libsecp256k1 about it.

mod digits;
mod field;
mod generator;
mod point;
mod run;
mod table;

use crate::scalars::Half;

/// How many there are in a register.
pub(crate) const LANES: usize = 8;

/// A word of each.
type Words = [u64; LANES];

/// What is to be computed in a lane: the point with this x and a y that is odd or not, times a number, and the generator times
/// another.
#[derive(Clone, Copy, Default)]
pub(crate) struct Lane {
    /// x, below p, the lowest word first.
    pub x: [u64; 4],
    pub odd: bool,
    /// What the point is multiplied by,
    pub point: [Half; 2],
    /// and the generator.
    pub generator: [Half; 2],
}

/// A public key: x and y, the lowest words first.
pub(crate) type Key = [[u64; 4]; 2];

/// Whether this processor has the instructions.
pub(crate) fn available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma")
}

/// What each lane comes to, if it went well; none if the processor has not the instructions.
pub(crate) fn run<const G: usize>(lanes: &[[Lane; LANES]; G]) -> [[Option<Key>; LANES]; G] {
    if !available() {
        return [[None; LANES]; G];
    }
    // SAFETY: the processor has the instructions that the function is compiled for, which was just asked.
    unsafe { run::run(lanes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The point at infinity is no key.
    #[test]
    fn a_sum_of_nothing_is_none() {
        let [x, _] = generator::TABLE[0];
        let nothing = Lane { x, ..Lane::default() };
        let one = Half { magnitude: 1, negative: false };
        let point = Lane { point: [one, Half::default()], ..nothing };
        let keys = run(&[[nothing, point, nothing, point, nothing, point, nothing, point]]);
        let expected = available().then(|| generator::TABLE[0]);
        assert_eq!(keys, [[None, expected, None, expected, None, expected, None, expected]]);
    }
}
