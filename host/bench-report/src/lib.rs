//! What benches share: samples to median and 99th percentile, an aligned table with the ratio against a named peer, a
//! JSON file with the machine it was measured on, and what a process takes in memory and files on disk.
//!
//! ```no_run
//! use caldera_bench::{Report, Samples};
//!
//! let mut report = Report::new("engine-call");
//! report.row("warm call", Samples::time(1_000, 10, || { /* the work */ }));
//! report.row_against("plain call", Samples::time(1_000, 10, || {}), "EVM call", Samples::time(1_000, 10, || {}));
//! report.finish().unwrap();
//! ```
//!
//! What a bench is told is a `clap::Parser` with [`ByCargo`] in it, so that `--help` says what there is and nothing unknown is passed over.
//! A bench target stands in its crate's manifest with `harness = false` and runs by `cargo xtask bench NAME`, which names the
//! folder for the JSON in `CALDERA_BENCH_DIR`; without it only the table is printed.

mod by_cargo;
mod machine;
mod report;
mod samples;
mod table;
mod usage;

pub use by_cargo::ByCargo;
pub use machine::Machine;
pub use report::{Peer, Report, Row};
pub use samples::Samples;
pub use usage::{disk, resident};
