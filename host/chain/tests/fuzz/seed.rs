//! Numbers that look random and are the same for the same seed, and a clock for how long to go on.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// SplitMix64.
pub struct Numbers(u64);

impl Numbers {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `most`, which is not zero.
    pub fn below(&mut self, most: usize) -> usize {
        (self.next() % most as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// How often each outcome came, by name.
pub type Outcomes = BTreeMap<String, u64>;

/// Runs `once` with other numbers each time, for some seconds, and prints what came. The seed of a run that fails is printed.
pub fn fuzz(what: &str, mut once: impl FnMut(&mut Numbers) -> String) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seconds = number("CALDERA_FUZZ_SECONDS").unwrap_or(3);
    let first = number("CALDERA_FUZZ_SEED").unwrap_or(0x0ca1_de2a);
    let (began, mut outcomes, mut runs) = (Instant::now(), Outcomes::new(), 0u64);
    while began.elapsed() < Duration::from_secs(seconds) {
        let seed = first.wrapping_add(runs);
        let shown = Shown { what, seed };
        let outcome = once(&mut Numbers::new(seed));
        std::mem::forget(shown);
        *outcomes.entry(outcome).or_default() += 1;
        runs += 1;
    }
    println!("{what}: {runs} executions in {:.1} s from seed {first}", began.elapsed().as_secs_f64());
    for (outcome, count) in outcomes {
        println!("{count:>10}  {outcome}");
    }
    assert!(runs > 0);
}

/// Says which seed it was when its run panics.
struct Shown<'a> {
    what: &'a str,
    seed: u64,
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        eprintln!("{}: failed at CALDERA_FUZZ_SEED={}", self.what, self.seed);
    }
}
