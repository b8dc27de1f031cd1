//! Whether swaps leave anything behind: what this process holds, stretch by stretch, with swaps and without.
//!
//! A chain at work takes memory by itself: the store keeps something for each page of a database that only grows, and caches
//! fill and turn over. So stretches with swaps alternate with others, and what counts is the heap that grew for
//! each byte that was stored: with swaps no more of it than without.

use crate::proc::Usage;

/// What a swap may seem to leave behind, in bytes, because caches turn over; [`crate::alone`] sees less.
const SLACK_BYTES: f64 = 8_192.0;

/// One stretch of blocks.
struct Stretch {
    name: String,
    swaps: u64,
    transactions: u64,
    disk: u64,
    after: Usage,
}

/// Stretch after stretch.
pub struct Memory {
    began: Usage,
    stretches: Vec<Stretch>,
    /// What was held at other moments.
    asides: Vec<(String, Usage)>,
}

impl Memory {
    pub fn begin() -> Self {
        Self { began: Usage::now(), stretches: Vec::new(), asides: Vec::new() }
    }

    /// A stretch ended, in which so much happened on all chains; their folders now take `disk` bytes.
    pub fn note(&mut self, name: &str, swaps: u64, transactions: u64, disk: u64) {
        self.stretches.push(Stretch { name: name.to_owned(), swaps, transactions, disk, after: Usage::now() });
    }

    /// What is held at another moment, to be shown with the rest.
    pub fn aside(&mut self, name: &str) {
        self.asides.push((name.to_owned(), Usage::now()));
    }

    /// Prints the stretches, and what a swap leaves behind. Whether that is nothing.
    pub fn report(&self) -> bool {
        println!(
            "\n  {:<28}{:>8}{:>14}{:>12}{:>12}{:>12}{:>12}{:>9}{:>9}",
            "stretch", "swaps", "transactions", "resident", "live heap", "free heap", "disk", "handles", "threads"
        );
        line("before", 0, 0, 0, &self.began);
        for Stretch { name, swaps, transactions, disk, after } in &self.stretches {
            line(name, *swaps, *transactions, *disk, after);
        }
        self.asides.iter().for_each(|(name, usage)| line(name, 0, 0, 0, usage));
        // The first fills caches.
        let grown = |swaps: bool| {
            let pairs = self.stretches.windows(2).filter(|pair| (pair[1].swaps > 0) == swaps);
            pairs.fold((0.0, 0.0), |(heap, disk), pair| {
                let more = |of: fn(&Stretch) -> u64| of(&pair[1]) as f64 - of(&pair[0]) as f64;
                (heap + more(|stretch| stretch.after.live), disk + more(|stretch| stretch.disk))
            })
        };
        let ((heap, stored), (heap_without, stored_without)) = (grown(true), grown(false));
        let swaps: u64 = self.stretches.iter().map(|stretch| stretch.swaps).sum();
        if swaps == 0 || stored_without <= 0.0 {
            return true;
        }
        let left = (heap - heap_without / stored_without * stored) / swaps as f64;
        let percent = |heap: f64, stored: f64| heap / stored * 100.0;
        println!(
            "\n  live heap grows by {:.1} % of what is stored in stretches with swaps, {:.1} % without",
            percent(heap, stored),
            percent(heap_without, stored_without)
        );
        println!(
            "  so a swap leaves {left:.0} bytes behind, where {SLACK_BYTES:.0} are within the noise of the caches"
        );
        // After the first stretch everything that is opened once is open.
        let (first, last) = (self.stretches[0].after, self.stretches[self.stretches.len() - 1].after);
        let flat = left <= SLACK_BYTES && last.handles <= first.handles && last.threads <= first.threads;
        println!("  memory, handles and threads {}\n", if flat { "are flat over swaps" } else { "GROW with swaps" });
        flat
    }
}

fn line(name: &str, swaps: u64, transactions: u64, disk: u64, usage: &Usage) {
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    let Usage { resident, live, free, handles, threads } = *usage;
    println!(
        "  {name:<28}{swaps:>8}{transactions:>14}{:>12}{:>12}{:>12}{:>12}{handles:>9}{threads:>9}",
        mib(resident),
        mib(live),
        mib(free),
        mib(disk)
    );
}
