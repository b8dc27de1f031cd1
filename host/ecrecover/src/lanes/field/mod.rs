//! Numbers modulo p = 2^256 - 2^32 - 977, the field of secp256k1, `G` times eight at once.
//!
//! A number is five limbs of 52 bits, the width that AVX-512 IFMA multiplies (`vpmadd52luq`, `vpmadd52huq`): limb `i` of eight numbers
//! stands in one register. Between operations a number is any of its class below 2^256 + 2^214: limbs 0 to 3 are below 2^52,
//! which the instructions need since they drop the bits above, and limb 4 is below 2^48 + 2^6. Every operation takes and gives
//! such numbers, so none needs to know what was done before.
//!
//! A product waits for the one before it longer than it takes. So two groups of eight, turn and turn about, are done in much less than
//! twice the time of one.

mod arithmetic;
mod power;
#[cfg(test)]
mod tests;

use std::arch::x86_64::{
    __m512i, __mmask8, _mm512_add_epi64, _mm512_and_si512, _mm512_cmpeq_epi64_mask, _mm512_mask_blend_epi64,
    _mm512_or_si512, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_slli_epi64, _mm512_srli_epi64,
    _mm512_test_epi64_mask,
};

use super::Words;
use arithmetic::carry;

/// Limbs of a number.
const LIMBS: usize = 5;
/// 52 bits.
const MASK: i64 = (1 << 52) - 1;
/// What is above in the top limb is a multiple of 2^256.
const TOP: i64 = (1 << 48) - 1;
/// 2^256 modulo p,
const FOLD: i64 = 0x1_0000_03d1;
/// and 2^260.
const FOLD_LIMB: i64 = FOLD << 4;
const P: [i64; LIMBS] = [MASK - FOLD + 1, MASK, MASK, MASK, TOP];

/// Which of the numbers.
pub(in crate::lanes) type Mask<const G: usize> = [__mmask8; G];

/// `G` times eight numbers modulo p.
#[derive(Clone, Copy)]
pub(in crate::lanes) struct Field<const G: usize>([[__m512i; LIMBS]; G]);

impl<const G: usize> Field<G> {
    /// A small number, for all.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::lanes) fn small(number: u32) -> Self {
        let zero = _mm512_setzero_si512();
        Self([[_mm512_set1_epi64(i64::from(number)), zero, zero, zero, zero]; G])
    }

    /// Of words, the lowest first, below 2^256.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::lanes) fn of_words(words: &[[Words; 4]; G]) -> Self {
        let mask = _mm512_set1_epi64(MASK);
        let mut limbs = [[_mm512_setzero_si512(); LIMBS]; G];
        for (limbs, words) in limbs.iter_mut().zip(words) {
            let [a, b, c, d]: [__m512i; 4] = bytemuck::cast(*words);
            let limb = |low: __m512i, high: __m512i| _mm512_and_si512(_mm512_or_si512(low, high), mask);
            *limbs = [
                _mm512_and_si512(a, mask),
                limb(_mm512_srli_epi64::<52>(a), _mm512_slli_epi64::<12>(b)),
                limb(_mm512_srli_epi64::<40>(b), _mm512_slli_epi64::<24>(c)),
                limb(_mm512_srli_epi64::<28>(c), _mm512_slli_epi64::<36>(d)),
                _mm512_srli_epi64::<16>(d),
            ];
        }
        Self(limbs)
    }

    /// The numbers themselves, below p, as words, the lowest first.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::lanes) fn words(self) -> [[Words; 4]; G] {
        let mut words = [[[0; super::LANES]; 4]; G];
        for (words, [a, b, c, d, e]) in words.iter_mut().zip(self.canonical().0) {
            *words = bytemuck::cast([
                _mm512_or_si512(a, _mm512_slli_epi64::<52>(b)),
                _mm512_or_si512(_mm512_srli_epi64::<12>(b), _mm512_slli_epi64::<40>(c)),
                _mm512_or_si512(_mm512_srli_epi64::<24>(c), _mm512_slli_epi64::<28>(d)),
                _mm512_or_si512(_mm512_srli_epi64::<36>(d), _mm512_slli_epi64::<16>(e)),
            ]);
        }
        words
    }

    /// Below p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn canonical(self) -> Self {
        // A number is p or more exactly if 2^256 - p more is 2^256 or more, and less than 2p in any case.
        let mut more = self.0;
        for limbs in &mut more {
            limbs[0] = _mm512_add_epi64(limbs[0], _mm512_set1_epi64(FOLD));
            carry(limbs);
        }
        let mut over = [0; G];
        for (over, limbs) in over.iter_mut().zip(&mut more) {
            *over = _mm512_test_epi64_mask(limbs[4], _mm512_set1_epi64(!TOP));
            limbs[4] = _mm512_and_si512(limbs[4], _mm512_set1_epi64(TOP));
        }
        self.or(over, Self(more))
    }

    /// Which of them are zero modulo p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::lanes) fn zeros(self) -> Mask<G> {
        let mut zeros = [0; G];
        for (zeros, [a, b, c, d, e]) in zeros.iter_mut().zip(self.canonical().0) {
            let any = _mm512_or_si512(_mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(c, d)), e);
            *zeros = _mm512_cmpeq_epi64_mask(any, _mm512_setzero_si512());
        }
        zeros
    }

    /// Which of them are odd as numbers below p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::lanes) fn odd(self) -> Mask<G> {
        let mut odd = [0; G];
        for (odd, limbs) in odd.iter_mut().zip(self.canonical().0) {
            *odd = _mm512_test_epi64_mask(limbs[0], _mm512_set1_epi64(1));
        }
        odd
    }

    /// `other` where `mask` says so.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::lanes) fn or(self, mask: Mask<G>, other: Self) -> Self {
        let mut limbs = self.0;
        for ((limbs, other), mask) in limbs.iter_mut().zip(&other.0).zip(mask) {
            for i in 0..LIMBS {
                limbs[i] = _mm512_mask_blend_epi64(mask, limbs[i], other[i]);
            }
        }
        Self(limbs)
    }
}
