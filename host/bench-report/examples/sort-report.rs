//! How a bench reports: two sorts of the same numbers, one held against the other.
//! Run by `cargo run --release -p caldera-bench --example sort-report`.

use caldera_bench::{Report, Samples};
use std::hint::black_box;

fn main() -> std::io::Result<()> {
    // A multiplicative sequence: shuffled enough, and the same in every run.
    let numbers: Vec<u64> = (1..=1_000u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    let stable = Samples::time(200, 10, || {
        let mut copy = black_box(&numbers).clone();
        copy.sort();
        copy
    });
    let unstable = Samples::time(200, 10, || {
        let mut copy = black_box(&numbers).clone();
        copy.sort_unstable();
        copy
    });
    let mut report = Report::new("sort");
    report.row_against("sort_unstable, 1,000 numbers", unstable, "sort", stable);
    report.finish()
}
