//! Powers.

use super::Field;

impl<const G: usize> Field<G> {
    /// Squared `times` times.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::lanes) fn squared(self, times: u32) -> Self {
        (0..times).fold(self, |number, _| number.square())
    }

    /// The inverse, by Fermat's little theorem; of zero, zero.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::lanes) fn invert(self) -> Self {
        // p - 2 in binary: 223 ones, a zero, 22 ones, 0000101101.
        let (x2, x22, x223) = self.ones();
        let t = x223.squared(23).mul(x22).squared(5).mul(self);
        t.squared(3).mul(x2).squared(2).mul(self)
    }

    /// The number whose square this is, if it is one: the power (p + 1) / 4.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::lanes) fn root(self) -> Self {
        // In binary: 223 ones, a zero, 22 ones, 00001100.
        let (x2, x22, x223) = self.ones();
        x223.squared(23).mul(x22).squared(6).mul(x2).squared(2)
    }

    /// The powers whose exponents are 2, 22 and 223 ones in binary.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn ones(self) -> (Self, Self, Self) {
        let x2 = self.square().mul(self);
        let x3 = x2.square().mul(self);
        let x6 = x3.squared(3).mul(x3);
        let x9 = x6.squared(3).mul(x3);
        let x11 = x9.squared(2).mul(x2);
        let x22 = x11.squared(11).mul(x11);
        let x44 = x22.squared(22).mul(x22);
        let x88 = x44.squared(44).mul(x44);
        let x176 = x88.squared(88).mul(x88);
        let x220 = x176.squared(44).mul(x44);
        (x2, x22, x220.squared(3).mul(x3))
    }
}
