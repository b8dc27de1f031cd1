//! Points of secp256k1, y^2 = x^3 + 7, in Jacobian coordinates: x = X / Z^2, y = Y / Z^3.
//!
//! The formulas are those of Bernstein and Lange's Explicit-Formulas Database, "dbl-2009-l" and "madd", with some squares of sums
//! replaced by products, which cost less here. Neither knows the point at infinity, nor the sum of equal points. Both show:
//! of such a sum Z is zero, and it stays zero whatever follows.

use super::field::{Field, Mask};

/// Points that are not at infinity.
#[derive(Clone, Copy)]
pub(super) struct Affine<const G: usize> {
    pub x: Field<G>,
    pub y: Field<G>,
}

/// Points.
#[derive(Clone, Copy)]
pub(super) struct Jacobian<const G: usize> {
    pub x: Field<G>,
    pub y: Field<G>,
    pub z: Field<G>,
}

impl<const G: usize> Affine<G> {
    /// With the sign of y turned where `mask` says so.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn negated(self, mask: Mask<G>) -> Self {
        Self { x: self.x, y: self.y.or(mask, self.y.negate()) }
    }

    /// The same with 1 for Z.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn jacobian(self) -> Jacobian<G> {
        Jacobian { x: self.x, y: self.y, z: Field::small(1) }
    }
}

impl<const G: usize> Jacobian<G> {
    /// `other` where `mask` says so.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn or(self, mask: Mask<G>, other: Self) -> Self {
        Self { x: self.x.or(mask, other.x), y: self.y.or(mask, other.y), z: self.z.or(mask, other.z) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn double(self) -> Self {
        let Self { x, y, z } = self;
        let b = y.square();
        let c = b.square();
        // A quarter of what the formula calls D.
        let xb = x.mul(b);
        let e = x.square().thrice();
        let x3 = e.square().less::<3>(xb);
        let y3 = e.mul(xb.times_less::<2>(x3)).less::<3>(c);
        Self { x: x3, y: y3, z: y.mul(z).twice() }
    }

    /// The sum with a point, and by how much Z grew.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn add(self, other: Affine<G>) -> (Self, Field<G>) {
        let Self { x, y, z } = self;
        let zz = z.square();
        let h = other.x.mul(zz).less::<0>(x);
        let r = other.y.mul(zz.mul(z)).less::<0>(y);
        let hh = h.square();
        let hhh = hh.mul(h);
        let v = x.mul(hh);
        let x3 = r.square().less::<0>(hhh).less::<1>(v);
        let y3 = r.mul(v.less::<0>(x3)).less::<0>(y.mul(hhh));
        (Self { x: x3, y: y3, z: z.mul(h) }, h)
    }
}
