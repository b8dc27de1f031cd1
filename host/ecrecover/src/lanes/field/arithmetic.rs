//! Sums and products.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_and_si512, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_set1_epi64,
    _mm512_setzero_si512, _mm512_slli_epi64, _mm512_srli_epi64, _mm512_sub_epi64,
};

use super::{FOLD, FOLD_LIMB, Field, LIMBS, MASK, P, TOP};

impl<const G: usize> Field<G> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::lanes) fn mul(self, other: Self) -> Self {
        let mut product = self.0;
        for (limbs, other) in product.iter_mut().zip(&other.0) {
            *limbs = mul(limbs, other);
        }
        Self(product)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::lanes) fn square(self) -> Self {
        let mut square = self.0;
        for limbs in &mut square {
            *limbs = self::square(limbs);
        }
        Self(square)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::lanes) fn add(self, other: Self) -> Self {
        let mut sum = self.0;
        for (limbs, other) in sum.iter_mut().zip(&other.0) {
            for i in 0..LIMBS {
                limbs[i] = _mm512_add_epi64(limbs[i], other[i]);
            }
            fold(limbs);
        }
        Self(sum)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::lanes) fn negate(self) -> Self {
        Self::small(0).less::<0>(self)
    }

    /// `self - other * 2^SHIFT`. `SHIFT` is at most 3.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::lanes) fn less<const SHIFT: u32>(self, other: Self) -> Self {
        // One multiple of p more than is taken away: each of its limbs is more than the limb that is taken from it.
        let multiple = (1 << SHIFT) + 1;
        let mut difference = self.0;
        for (limbs, other) in difference.iter_mut().zip(&other.0) {
            for i in 0..LIMBS {
                let enough = _mm512_add_epi64(limbs[i], _mm512_set1_epi64(multiple * P[i]));
                limbs[i] = _mm512_sub_epi64(enough, shifted::<SHIFT>(other[i]));
            }
            fold(limbs);
        }
        Self(difference)
    }

    /// `self * 2^SHIFT - other`. `SHIFT` is at most 3.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::lanes) fn times_less<const SHIFT: u32>(self, other: Self) -> Self {
        let mut difference = self.0;
        for (limbs, other) in difference.iter_mut().zip(&other.0) {
            for i in 0..LIMBS {
                let enough = _mm512_add_epi64(shifted::<SHIFT>(limbs[i]), _mm512_set1_epi64(2 * P[i]));
                limbs[i] = _mm512_sub_epi64(enough, other[i]);
            }
            fold(limbs);
        }
        Self(difference)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::lanes) fn twice(self) -> Self {
        self.add(self)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::lanes) fn thrice(self) -> Self {
        let mut thrice = self.0;
        for limbs in &mut thrice {
            for limb in &mut *limbs {
                *limb = _mm512_add_epi64(*limb, _mm512_add_epi64(*limb, *limb));
            }
            fold(limbs);
        }
        Self(thrice)
    }
}

/// The limbs of eight numbers.
type Limbs = [__m512i; LIMBS];

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn mul(a: &Limbs, b: &Limbs) -> Limbs {
    // Each sum would wait for ten instructions; two wait for five.
    let zero = _mm512_setzero_si512();
    let (mut low, mut high) = ([zero; 2 * LIMBS], [zero; 2 * LIMBS]);
    for i in 0..LIMBS {
        for j in 0..LIMBS {
            low[i + j] = _mm512_madd52lo_epu64(low[i + j], a[i], b[j]);
            high[i + j + 1] = _mm512_madd52hi_epu64(high[i + j + 1], a[i], b[j]);
        }
    }
    for i in 0..2 * LIMBS {
        low[i] = _mm512_add_epi64(low[i], high[i]);
    }
    reduce(low)
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn square(a: &Limbs) -> Limbs {
    let mut wide = [_mm512_setzero_si512(); 2 * LIMBS];
    for i in 0..LIMBS {
        for j in i + 1..LIMBS {
            wide[i + j] = _mm512_madd52lo_epu64(wide[i + j], a[i], a[j]);
            wide[i + j + 1] = _mm512_madd52hi_epu64(wide[i + j + 1], a[i], a[j]);
        }
    }
    for limb in &mut wide {
        *limb = _mm512_add_epi64(*limb, *limb);
    }
    for i in 0..LIMBS {
        wide[2 * i] = _mm512_madd52lo_epu64(wide[2 * i], a[i], a[i]);
        wide[2 * i + 1] = _mm512_madd52hi_epu64(wide[2 * i + 1], a[i], a[i]);
    }
    reduce(wide)
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn shifted<const SHIFT: u32>(limb: __m512i) -> __m512i {
    const { assert!(SHIFT <= 3) };
    _mm512_slli_epi64::<SHIFT>(limb)
}

/// Moves what is above 52 bits of each limb to the next.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn carry(limbs: &mut Limbs) {
    let mask = _mm512_set1_epi64(MASK);
    for i in 1..LIMBS {
        limbs[i] = _mm512_add_epi64(limbs[i], _mm512_srli_epi64::<52>(limbs[i - 1]));
        limbs[i - 1] = _mm512_and_si512(limbs[i - 1], mask);
    }
}

/// Makes of limbs below 2^58 a number as it is to be between operations.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn fold(limbs: &mut Limbs) {
    // What is above 2^256 now; a carry that comes up later may leave a little of it, but limb 4 stays below 2^48 + 2^6.
    let above = _mm512_srli_epi64::<48>(limbs[4]);
    limbs[4] = _mm512_and_si512(limbs[4], _mm512_set1_epi64(TOP));
    limbs[0] = _mm512_madd52lo_epu64(limbs[0], above, _mm512_set1_epi64(FOLD));
    carry(limbs);
}

/// The product, of sums of products of limbs: each below 2^57, the last below 2^52.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn reduce(mut wide: [__m512i; 2 * LIMBS]) -> Limbs {
    let mask = _mm512_set1_epi64(MASK);
    for i in LIMBS + 1..2 * LIMBS {
        wide[i] = _mm512_add_epi64(wide[i], _mm512_srli_epi64::<52>(wide[i - 1]));
        wide[i - 1] = _mm512_and_si512(wide[i - 1], mask);
    }
    // From 2^260 on it comes back as a multiple of 2^260 modulo p.
    let fold = _mm512_set1_epi64(FOLD_LIMB);
    let mut limbs = [wide[0], wide[1], wide[2], wide[3], wide[4]];
    for i in 0..LIMBS {
        limbs[i] = _mm512_madd52lo_epu64(limbs[i], wide[LIMBS + i], fold);
    }
    for i in 1..LIMBS {
        limbs[i] = _mm512_madd52hi_epu64(limbs[i], wide[LIMBS + i - 1], fold);
    }
    let beyond = _mm512_madd52hi_epu64(_mm512_setzero_si512(), wide[2 * LIMBS - 1], fold);
    // Below 2^10 and 2^42: together they fit what the instructions multiply.
    let above = _mm512_add_epi64(_mm512_srli_epi64::<48>(limbs[4]), _mm512_slli_epi64::<4>(beyond));
    let fold = _mm512_set1_epi64(FOLD);
    limbs[4] = _mm512_and_si512(limbs[4], _mm512_set1_epi64(TOP));
    limbs[0] = _mm512_madd52lo_epu64(limbs[0], above, fold);
    limbs[1] = _mm512_madd52hi_epu64(limbs[1], above, fold);
    carry(&mut limbs);
    limbs
}
