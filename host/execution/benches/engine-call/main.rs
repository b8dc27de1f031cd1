//! What an engine call costs, at each depth: the runtime alone, and a whole transaction through revm.
//!
//! Peers, in the same run: libextism, which calls a warm plugin that is shared between calls, where a call of ours has an
//! instance of its own; and the EVM, with a contract that does the same act as bytecode. Storage is in memory, so that the
//! border is measured and not a disk. The last rows are the machine's: what no runtime here can do without.

mod chain;
mod host;
mod peer;
mod sizes;

use std::{ffi::CStr, time::Instant};

use alloy_primitives::Bytes;
use alloy_sol_types::SolCall;
use caldera_bench::{Report, Samples};
use caldera_engine::Engines;
use caldera_testkit::{component, engines};
use chain::Bench;
use host::Rig;
use peer::Extism;
use probe_engine::IProbe;

/// Samples of a row.
const SAMPLES: usize = 5_000;
/// Acts in one call, for costs too small for the clock.
const TIMES: u32 = 1_000;

fn main() -> std::io::Result<()> {
    let mut report = Report::new("engine-call");
    let (engines, peer) = (engines(), Extism::load());
    calls(&mut report, &engines, peer.as_ref());
    acts(&mut report, &engines);
    by_size(&mut report, &engines, peer.as_ref());
    transactions(&mut report);
    machine(&mut report);
    report.finish()
}

/// Adds a row, against the peer if there is one.
fn row(report: &mut Report, name: &str, samples: Samples, peer: Option<(&Extism, Samples)>) {
    match peer {
        Some((peer, theirs)) => report.row_against(name, samples, &peer.name, theirs),
        None => report.row(name, samples),
    }
}

/// Calls of the runtime without an EVM, fresh and warm, by the length of input and output.
fn calls(report: &mut Report, engines: &Engines, peer: Option<&Extism>) {
    let mut rig = Rig::new(engines, &component("probe-v1"));
    let theirs = |function: &CStr, input: &[u8]| peer.map(|peer| (peer, peer.time_warm(SAMPLES, function, input)));
    let nothing = IProbe::nothingCall {}.abi_encode();
    row(report, "fresh instance and call", rig.time(SAMPLES, &nothing), theirs(c"nothing", b""));
    row(report, "warm call", rig.time_warm(10 * SAMPLES, &nothing), theirs(c"nothing", b""));
    for bytes in [32, 1_024, 65_536] {
        let echo = IProbe::echoCall { data: vec![7; bytes].into() }.abi_encode();
        let name = format!("fresh instance, echo of {bytes} bytes");
        row(report, &name, rig.time(SAMPLES, &echo), theirs(c"echo", &vec![7; bytes]));
    }
    // What of the longest echo is input alone: nobody reads what stands behind the selector.
    let unread = [nothing.as_slice(), &[7; 65_536]].concat();
    row(report, "fresh instance, 65536 bytes that it does not read", rig.time(SAMPLES, &unread), None);
    if let Some(peer) = peer {
        report.row("libextism: fresh plugin of compiled code, and call", peer.time_fresh(SAMPLES / 5));
    }
}

/// Single acts, each as the difference between many and none in one call.
fn acts(report: &mut Report, engines: &Engines) {
    let mut rig = Rig::new(engines, &component("probe-v1"));
    let (key, times) = (Bytes::from_static(b"key"), TIMES);
    let mut act = |name: &str, many: Vec<u8>, none: Vec<u8>| {
        report.row(name, rig.time_each(SAMPLES / 10, &many, &none, TIMES));
    };
    act(
        "host call (balance)",
        IProbe::hostCallsCall { times }.abi_encode(),
        IProbe::hostCallsCall { times: 0 }.abi_encode(),
    );
    act(
        "storage get (in memory)",
        IProbe::getTimesCall { key: key.clone(), times }.abi_encode(),
        IProbe::getTimesCall { key: key.clone(), times: 0 }.abi_encode(),
    );
    act(
        "storage set (in memory)",
        IProbe::setTimesCall { key: key.clone(), times }.abi_encode(),
        IProbe::setTimesCall { key, times: 0 }.abi_encode(),
    );
}

/// Fresh calls by the size of the component: engines that are there, and filled ones.
fn by_size(report: &mut Report, engines: &Engines, peer: Option<&Extism>) {
    let theirs = || peer.map(|peer| (peer, peer.time_warm(SAMPLES, c"nothing", b"")));
    let mut fresh = |name: &str, component: &caldera_types::Component, input: &[u8]| {
        let mut rig = Rig::new(engines, component);
        let samples = Samples::time(SAMPLES, 1, || rig.try_call(input, host::GAS));
        row(report, &format!("fresh, {name}: {} KB", component.bytes().len() / 1_000), samples, theirs());
    };
    fresh("imports nothing", &sizes::least(), b"");
    for bytes in [15_000, 200_000, 2_000_000] {
        fresh("filled", &sizes::component(bytes), b"");
    }
    for name in ["hello-engine", "clearing-v2"] {
        // No function has this selector: the engine refuses by name.
        fresh(name, &component(name), b"none");
    }
}

/// Whole transactions, each against a contract that does the same.
fn transactions(report: &mut Report) {
    let mut bench = Bench::new();
    let empty = bench.time_contract(&[0x00], SAMPLES);
    let nothing = bench.time_engine(&IProbe::nothingCall {}, SAMPLES);
    report.row_against("transaction, empty call", nothing, "EVM contract: STOP", empty);
    // PUSH1 7, SLOAD, PUSH1 1, ADD, PUSH1 7, SSTORE: a read and a write, as `setTimes` of one.
    let contract = bench.time_contract(&[0x60, 7, 0x54, 0x60, 1, 0x01, 0x60, 7, 0x55, 0x00], SAMPLES);
    let engine = bench.time_engine(&IProbe::setTimesCall { key: Bytes::from_static(b"key"), times: 1 }, SAMPLES);
    report.row_against("transaction, storage get and set", engine, "EVM contract: SLOAD, SSTORE", contract);
    for rounds in [100, 10_000, 100_000] {
        let contract = bench.time_contract(&chain::evm_loop(rounds), SAMPLES / 100);
        let engine: Samples = bench.time_engine(&IProbe::computeCall { rounds }, SAMPLES / 100);
        report.row_against(
            &format!("transaction, {rounds} rounds of arithmetic"),
            engine,
            "EVM contract: the same",
            contract,
        );
    }
}

/// What the machine itself takes.
fn machine(report: &mut Report) {
    report.row("machine: reading the clock", Samples::time(SAMPLES, 100, Instant::now));
    report.row("machine: a system call (getpid)", Samples::time(SAMPLES, 100, std::process::id));
    let (source, mut target) = (vec![1u8; 65_536], vec![0u8; 65_536]);
    report.row("machine: copying 64 KiB", Samples::time(SAMPLES, 10, || target.copy_from_slice(&source)));
}
