//! Ten million engine calls: memory and handles must stay flat. `cargo xtask bench engine-soak [CALLS]`.
//!
//! Calls of every kind, sound and not, fresh and warm, on two threads. What is compared is this process as the system sees
//! it, after a warm-up, at each quarter and at the end; growth is a failure.

#[allow(dead_code, reason = "the bench of single calls uses all of it")]
#[path = "../engine-call/host.rs"]
mod host;

use std::{fs, process::ExitCode, time::Instant};

use alloy_primitives::U256;
use alloy_sol_types::SolCall;
use caldera_bench::ByCargo;
use caldera_engine::{EngineResult, Engines};
use caldera_testkit::{component, engines};
use caldera_types::{Component, Fault};
use clap::Parser;
use host::Rig;
use probe_engine::IProbe;

/// Calls before the first look: pools and allocators fill.
const WARM_UP: u64 = 20_000;
/// Threads that call at once.
const THREADS: u64 = 2;
/// Growth that is none: allocators keep what they like.
const SLACK_KIB: u64 = 4_096;
/// Every so often a call that is slow by its nature: it grows memory or burns all its fuel.
const SLOW_EVERY: u64 = 2_000;

/// Engine calls until memory would show what they leave behind.
#[derive(Parser)]
struct Args {
    /// How many.
    #[arg(default_value_t = 10_000_000)]
    calls: u64,
    #[command(flatten)]
    _cargo: ByCargo,
}

fn main() -> ExitCode {
    let Args { calls, _cargo } = Args::parse();
    let (engines, probe) = (engines(), component("probe-v1"));
    let run = |calls| run(&engines, &probe, calls);
    run(WARM_UP);
    let first = Usage::now();
    println!("{:>12}  {:>9}  {:>7}  {:>8}  {:>8}", "calls", "RSS KiB", "handles", "mappings", "µs each");
    println!("{:>12}  {first}", 0);
    let mut last = first;
    for quarter in 1..=4 {
        let began = Instant::now();
        run(calls / 4);
        last = Usage::now();
        let each = began.elapsed().as_secs_f64() * 1e6 * THREADS as f64 / (calls / 4) as f64;
        println!("{:>12}  {last}  {each:>8.2}", quarter * (calls / 4));
    }
    if last.is_flat(&first) {
        return ExitCode::SUCCESS;
    }
    eprintln!("not flat: more than {SLACK_KIB} KiB, a handle or dozens of mappings were added since the warm-up");
    ExitCode::FAILURE
}

/// So many calls over all threads.
fn run(engines: &Engines, probe: &Component, calls: u64) {
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut rig = Rig::new(engines, probe);
                (0..calls / THREADS).for_each(|number| one(&mut rig, number));
            });
        }
    });
}

/// One call, of a kind by its number.
fn one(rig: &mut Rig, number: u64) {
    let key = || number.to_be_bytes()[7..].to_vec().into();
    let (input, gas, ends): (_, _, fn(&EngineResult) -> bool) = match number % SLOW_EVERY {
        0 => (IProbe::exhaustCall {}.abi_encode(), host::GAS, |end| {
            matches!(end, EngineResult::Fault(Fault::MemoryLimit | Fault::Unreachable))
        }),
        1 => (IProbe::spinCall {}.abi_encode(), 200_000, |end| *end == EngineResult::Fault(Fault::OutOfFuel)),
        2 => (IProbe::recurseCall {}.abi_encode(), host::GAS, |end| matches!(end, EngineResult::Fault(_))),
        _ => match number % 8 {
            0 => return rig.call_warm(&IProbe::nothingCall {}.abi_encode()),
            1 => (IProbe::setCall { key: key(), value: vec![1; 40].into() }.abi_encode(), host::GAS, returned),
            2 => (IProbe::getCall { key: key() }.abi_encode(), host::GAS, returned),
            3 => (IProbe::echoCall { data: vec![7; 1_024].into() }.abi_encode(), host::GAS, returned),
            4 => (IProbe::refuseCall { code: U256::from(number) }.abi_encode(), host::GAS, |end| {
                matches!(end, EngineResult::Revert(_))
            }),
            5 => (IProbe::trapCall {}.abi_encode(), host::GAS, |end| *end == EngineResult::Fault(Fault::Unreachable)),
            6 => (b"none".to_vec(), host::GAS, |end| matches!(end, EngineResult::Revert(_))),
            _ => (IProbe::nothingCall {}.abi_encode(), host::GAS, returned),
        },
    };
    let end = rig.try_call(&input, gas);
    assert!(ends(&end), "call {number}: {end:?}");
}

fn returned(end: &EngineResult) -> bool {
    matches!(end, EngineResult::Return(_))
}

/// What this process holds.
#[derive(Clone, Copy)]
struct Usage {
    rss_kib: u64,
    handles: usize,
    mappings: usize,
}

impl Usage {
    /// Asks the system; zeros where it does not tell.
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        Self {
            rss_kib: rss.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0),
            handles: fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
            mappings: fs::read_to_string("/proc/self/maps").map_or(0, |text| text.lines().count()),
        }
    }

    fn is_flat(&self, before: &Self) -> bool {
        // Threads come and go with their stacks and heaps, so mappings breathe by some.
        self.rss_kib <= before.rss_kib + SLACK_KIB
            && self.handles <= before.handles
            && self.mappings <= before.mappings + 32
    }
}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>9}  {:>7}  {:>8}", self.rss_kib, self.handles, self.mappings)
    }
}
