//! The computation.

use std::arch::x86_64::{
    __m512i, __mmask8, _mm512_abs_epi64, _mm512_cmpeq_epi64_mask, _mm512_cmplt_epi64_mask, _mm512_set1_epi64,
    _mm512_setzero_si512,
};

use super::{
    Key, LANES, Lane, Words,
    field::Field,
    generator::{self, MULTIPLES},
    point::{Affine, Jacobian},
};
use crate::scalars::Half;

/// The endomorphism multiplies x by this, the lowest word first.
const BETA: [u64; 4] = [0xc139_6c28_7195_01ee, 0x9cf0_4975_12f5_8995, 0x6e64_479e_ac34_34e9, 0x7ae9_6a2b_657c_0710];
/// Multiples of the point that are kept: what a digit of four bits can be.
const KEPT: usize = 8;
/// Digits of four bits that make up half a number.
const DIGITS: usize = 33;

/// What each lane comes to, if it went well.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn run(lanes: &[Lane; LANES]) -> [Option<Key>; LANES] {
    let x = Field::of_words(&std::array::from_fn(|word| lanes.map(|lane| lane.x[word])));
    let (point, on_curve) = lift(x, mask(lanes, |lane| lane.odd));
    let beta = Field::of_words(&BETA.map(|word| [word; LANES]));
    let (table, scale) = Table::of(point, beta);
    let (scale2, scale3) = (scale.square(), scale.square().mul(scale));
    let multiples = &*generator::TABLE;

    let mut sum = Sum { point: point.jacobian(), nothing: __mmask8::MAX };
    for place in (0..DIGITS).rev() {
        if place + 1 < DIGITS {
            (0..4).for_each(|_| sum.double());
        }
        for half in 0..2 {
            let digits = digits::<4>(lanes, place, |lane| lane.point[half]);
            sum.add(digits, table.get(digits, half == 1));
        }
        if place % 2 == 0 {
            for half in 0..2 {
                let digits = digits::<8>(lanes, place / 2, |lane| lane.generator[half]);
                let mut multiple = gather(multiples, digits);
                if half == 1 {
                    multiple.x = multiple.x.mul(beta);
                }
                sum.add(digits, Affine { x: multiple.x.mul(scale2), y: multiple.y.mul(scale3) });
            }
        }
    }
    let z = sum.point.z.mul(scale);
    let good = on_curve & !z.zeros() & !sum.nothing;
    let inverse = z.invert();
    let square = inverse.square();
    let x = sum.point.x.mul(square).words();
    let y = sum.point.y.mul(square.mul(inverse)).words();
    std::array::from_fn(|lane| {
        let key = [x.map(|word| word[lane]), y.map(|word| word[lane])];
        (good & 1 << lane != 0).then_some(key)
    })
}

/// The points with these x, and which of them there are.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn lift(x: Field, odd: __mmask8) -> (Affine, __mmask8) {
    let square = x.square().mul(x).add(Field::small(7));
    let y = square.root();
    let on_curve = y.square().less::<0>(square).zeros();
    (Affine { x, y }.negated(y.odd() ^ odd), on_curve)
}

fn mask(lanes: &[Lane; LANES], set: impl Fn(&Lane) -> bool) -> __mmask8 {
    lanes.iter().enumerate().fold(0, |mask, (index, lane)| mask | __mmask8::from(set(lane)) << index)
}

/// A digit of each.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn digits<const WIDTH: u32>(lanes: &[Lane; LANES], place: usize, half: impl Fn(&Lane) -> Half) -> __m512i {
    bytemuck::cast(lanes.each_ref().map(|lane| half(lane).digit::<WIDTH>(place)))
}

/// A sum in the making. Nothing of it is at infinity: that nothing was added yet is noted beside it.
struct Sum {
    point: Jacobian,
    nothing: __mmask8,
}

impl Sum {
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn double(&mut self) {
        self.point = self.point.double();
    }

    /// Adds `multiple`, which stands for the digit without its sign, with that sign; nothing where the digit is zero.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn add(&mut self, digits: __m512i, multiple: Affine) {
        let zero = _mm512_setzero_si512();
        let multiple = multiple.negated(_mm512_cmplt_epi64_mask(digits, zero));
        let (sum, _) = self.point.add(multiple);
        let sum = sum.or(self.nothing, multiple.jacobian());
        let none = _mm512_cmpeq_epi64_mask(digits, zero);
        self.point = sum.or(none, self.point);
        self.nothing &= none;
    }
}

/// The first multiples of the point, and their images under the endomorphism.
///
/// They are points of another curve, to which (x, y) is mapped as (scale^2 x, scale^3 y): there all have 1 for Z, which on
/// the curve itself would take an inversion. The formulas know nothing of the 7 in the curve's equation, so they hold there too;
/// what is computed there comes back with Z times the scale.
struct Table {
    points: [Affine; KEPT],
    images: [Field; KEPT],
}

impl Table {
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn of(point: Affine, beta: Field) -> (Self, Field) {
        let twice = point.jacobian().double();
        // First to a curve where twice the point has 1 for Z.
        let first = scaled(point, twice.z);
        let mut sums = [first.jacobian(); KEPT];
        let mut growths = [twice.z; KEPT];
        sums[1] = Affine { x: twice.x, y: twice.y }.jacobian();
        for index in 2..KEPT {
            (sums[index], growths[index]) = sums[index - 1].add(first);
        }
        // Then to one where the last has: by what Z grew from each on.
        let mut scale = Field::small(1);
        let mut points = [first; KEPT];
        for index in (1..KEPT).rev() {
            let sum = Affine { x: sums[index].x, y: sums[index].y };
            points[index] = if index + 1 < KEPT { scaled(sum, scale) } else { sum };
            if index > 1 {
                scale = scale.mul(growths[index]);
            }
        }
        points[0] = scaled(first, scale);
        let mut images = [first.x; KEPT];
        for index in 0..KEPT {
            images[index] = points[index].x.mul(beta);
        }
        (Self { points, images }, scale.mul(twice.z))
    }

    /// The multiple that each digit names without its sign, or its image. Anything for zero.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn get(&self, digits: __m512i, image: bool) -> Affine {
        let magnitudes = _mm512_abs_epi64(digits);
        let at = |index: usize| Affine {
            x: if image { self.images[index] } else { self.points[index].x },
            y: self.points[index].y,
        };
        let mut point = at(0);
        for index in 1..KEPT {
            let here = _mm512_cmpeq_epi64_mask(magnitudes, _mm512_set1_epi64(index as i64 + 1));
            let other = at(index);
            point = Affine { x: point.x.or(here, other.x), y: point.y.or(here, other.y) };
        }
        point
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn scaled(point: Affine, scale: Field) -> Affine {
    let square = scale.square();
    Affine { x: point.x.mul(square), y: point.y.mul(square.mul(scale)) }
}

/// The multiple of the generator that each digit names without its sign. Anything for zero.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn gather(multiples: &[generator::Point; MULTIPLES], digits: __m512i) -> Affine {
    let digits: [i64; LANES] = bytemuck::cast(digits);
    let mut words = [[[0; LANES]; 4]; 2];
    for (lane, digit) in digits.into_iter().enumerate() {
        // From 1 to 128; zero, as 0 - 1, takes some entry as well.
        let entry = &multiples[(digit.unsigned_abs() as usize).wrapping_sub(1) % MULTIPLES];
        for (words, entry) in words.iter_mut().zip(entry) {
            words.iter_mut().zip(entry).for_each(|(word, entry): (&mut Words, _)| word[lane] = *entry);
        }
    }
    Affine { x: Field::of_words(&words[0]), y: Field::of_words(&words[1]) }
}
