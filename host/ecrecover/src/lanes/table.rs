//! Multiples that are at hand.

use super::{
    LANES,
    digits::Digits,
    field::Field,
    generator::{self, MULTIPLES},
    point::Affine,
};

/// Multiples of the point that are kept: what a digit of four bits can be.
const KEPT: usize = 8;

/// The first multiples of the point, and their images under the endomorphism.
///
/// They are points of another curve, to which (x, y) is mapped as (scale^2 x, scale^3 y): there all have 1 for Z, which on
/// the curve itself would take an inversion. The formulas know nothing of the 7 in the curve's equation, so they hold there too;
/// what is computed there comes back with Z times the scale.
pub(super) struct Table<const G: usize> {
    points: [Affine<G>; KEPT],
    images: [Field<G>; KEPT],
}

impl<const G: usize> Table<G> {
    /// Of the point, with the scale.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn of(point: Affine<G>, beta: Field<G>) -> (Self, Field<G>) {
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
    pub(super) fn get(&self, digits: Digits<G>, image: bool) -> Affine<G> {
        let at = |index: usize| Affine {
            x: if image { self.images[index] } else { self.points[index].x },
            y: self.points[index].y,
        };
        let mut point = at(0);
        for index in 1..KEPT {
            let here = digits.are(index + 1);
            let other = at(index);
            point = Affine { x: point.x.or(here, other.x), y: point.y.or(here, other.y) };
        }
        point
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn scaled<const G: usize>(point: Affine<G>, scale: Field<G>) -> Affine<G> {
    let square = scale.square();
    Affine { x: point.x.mul(square), y: point.y.mul(square.mul(scale)) }
}

/// The multiple of the generator that each digit names without its sign. Anything for zero.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn of_generator<const G: usize>(multiples: &[generator::Point; MULTIPLES], digits: Digits<G>) -> Affine<G> {
    let (mut x, mut y) = ([[[0; LANES]; 4]; G], [[[0; LANES]; 4]; G]);
    for (group, magnitudes) in digits.magnitudes().into_iter().enumerate() {
        for (lane, magnitude) in magnitudes.into_iter().enumerate() {
            // From 1 to 128; zero, as 0 - 1, takes some entry as well.
            let entry = &multiples[(magnitude as usize).wrapping_sub(1) % MULTIPLES];
            for word in 0..4 {
                x[group][word][lane] = entry[0][word];
                y[group][word][lane] = entry[1][word];
            }
        }
    }
    Affine { x: Field::of_words(&x), y: Field::of_words(&y) }
}
