//! A digit of the number in each lane.

use std::arch::x86_64::{
    __m512i, _mm512_abs_epi64, _mm512_cmpeq_epi64_mask, _mm512_cmplt_epi64_mask, _mm512_set1_epi64,
    _mm512_setzero_si512,
};

use super::{LANES, Lane, field::Mask};
use crate::scalars::Half;

/// A digit of each.
#[derive(Clone, Copy)]
pub(super) struct Digits<const G: usize>([__m512i; G]);

impl<const G: usize> Digits<G> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn of<const WIDTH: u32>(lanes: &[[Lane; LANES]; G], place: usize, half: impl Fn(&Lane) -> Half) -> Self {
        let mut digits = [_mm512_setzero_si512(); G];
        for (digits, lanes) in digits.iter_mut().zip(lanes) {
            *digits = bytemuck::cast(lanes.each_ref().map(|lane| half(lane).digit::<WIDTH>(place)));
        }
        Self(digits)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn negative(self) -> Mask<G> {
        let mut negative = [0; G];
        for (negative, digits) in negative.iter_mut().zip(self.0) {
            *negative = _mm512_cmplt_epi64_mask(digits, _mm512_setzero_si512());
        }
        negative
    }

    /// Which are this number without their sign.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn are(self, magnitude: usize) -> Mask<G> {
        let mut are = [0; G];
        for (are, digits) in are.iter_mut().zip(self.0) {
            *are = _mm512_cmpeq_epi64_mask(_mm512_abs_epi64(digits), _mm512_set1_epi64(magnitude as i64));
        }
        are
    }

    /// Without their sign.
    pub(super) fn magnitudes(self) -> [[u64; LANES]; G] {
        self.0.map(|digits| bytemuck::cast::<_, [i64; LANES]>(digits).map(i64::unsigned_abs))
    }
}
