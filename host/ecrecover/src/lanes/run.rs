//! The computation.

use std::array::from_fn;

use super::{
    Key, LANES, Lane,
    digits::Digits,
    field::{Field, Mask},
    generator,
    point::{Affine, Jacobian},
    table::{Table, of_generator},
};

/// The endomorphism multiplies x by this, the lowest word first.
const BETA: [u64; 4] = [0xc139_6c28_7195_01ee, 0x9cf0_4975_12f5_8995, 0x6e64_479e_ac34_34e9, 0x7ae9_6a2b_657c_0710];
/// Digits of four bits that make up half a number.
const DIGITS: usize = 33;

/// What each lane comes to, if it went well.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn run<const G: usize>(lanes: &[[Lane; LANES]; G]) -> [[Option<Key>; LANES]; G] {
    let words = |group: usize| from_fn(|word| lanes[group].map(|lane| lane.x[word]));
    let (point, on_curve) = lift(Field::of_words(&from_fn(words)), lanes.each_ref().map(odd));
    let beta = Field::of_words(&[BETA.map(|word| [word; LANES]); G]);
    let (table, scale) = Table::of(point, beta);
    let (scale2, scale3) = (scale.square(), scale.square().mul(scale));
    let multiples = &*generator::TABLE;

    let mut sum = Sum { point: point.jacobian(), nothing: [u8::MAX; G] };
    for place in (0..DIGITS).rev() {
        if place + 1 < DIGITS {
            for _ in 0..4 {
                sum.point = sum.point.double();
            }
        }
        for half in 0..2 {
            let digits = Digits::of::<4>(lanes, place, |lane| lane.point[half]);
            sum.add(digits, table.get(digits, half == 1));
        }
        if place % 2 == 0 {
            for half in 0..2 {
                let digits = Digits::of::<8>(lanes, place / 2, |lane| lane.generator[half]);
                let mut multiple = of_generator(multiples, digits);
                if half == 1 {
                    multiple.x = multiple.x.mul(beta);
                }
                sum.add(digits, Affine { x: multiple.x.mul(scale2), y: multiple.y.mul(scale3) });
            }
        }
    }
    let z = sum.point.z.mul(scale);
    let (none, inverse) = (z.zeros(), z.invert());
    let square = inverse.square();
    let x = sum.point.x.mul(square).words();
    let y = sum.point.y.mul(square.mul(inverse)).words();
    let key = |group: usize, lane: usize| {
        let good = on_curve[group] & !none[group] & !sum.nothing[group];
        (good & 1 << lane != 0).then(|| [x[group].map(|word| word[lane]), y[group].map(|word| word[lane])])
    };
    from_fn(|group| from_fn(|lane| key(group, lane)))
}

fn odd(lanes: &[Lane; LANES]) -> u8 {
    lanes.iter().enumerate().fold(0, |mask, (index, lane)| mask | u8::from(lane.odd) << index)
}

/// The points with these x, and which of them there are.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn lift<const G: usize>(x: Field<G>, odd: Mask<G>) -> (Affine<G>, Mask<G>) {
    let square = x.square().mul(x).add(Field::small(7));
    let y = square.root();
    let on_curve = y.square().less::<0>(square).zeros();
    let is = y.odd();
    (Affine { x, y }.negated(from_fn(|group| is[group] ^ odd[group])), on_curve)
}

/// A sum in the making. Nothing of it is at infinity: that nothing was added yet is noted beside it.
struct Sum<const G: usize> {
    point: Jacobian<G>,
    nothing: Mask<G>,
}

impl<const G: usize> Sum<G> {
    /// Adds `multiple`, which stands for the digit without its sign, with that sign; nothing where the digit is zero.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn add(&mut self, digits: Digits<G>, multiple: Affine<G>) {
        let multiple = multiple.negated(digits.negative());
        let (sum, _) = self.point.add(multiple);
        let sum = sum.or(self.nothing, multiple.jacobian());
        let none = digits.are(0);
        self.point = sum.or(none, self.point);
        self.nothing = from_fn(|group| self.nothing[group] & none[group]);
    }
}
