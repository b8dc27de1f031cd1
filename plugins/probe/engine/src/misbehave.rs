//! The ways in which a guest can go wrong, each on demand.

use std::hint::black_box;

/// Never ends: the fuel does.
pub(crate) fn spin() -> ! {
    loop {
        black_box(());
    }
}

/// Panics.
pub(crate) fn trap() -> ! {
    panic!("told to trap")
}

/// Allocates until the mount's memory is used up.
pub(crate) fn exhaust() -> ! {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(black_box(vec![1; 64 * 1024]));
    }
}

/// Overflows the stack.
#[expect(unconditional_recursion, reason = "that is what it is for")]
pub(crate) fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    black_box(recurse(frame[0] + 1)) + frame[1]
}

/// Rounds of 64-bit arithmetic that no compiler folds.
pub(crate) fn compute(rounds: u32) -> u64 {
    (0..rounds).fold(0x9e37_79b9_7f4a_7c15, |state: u64, round| {
        black_box(state.rotate_left(13).wrapping_mul(5).wrapping_add(u64::from(round)))
    })
}
