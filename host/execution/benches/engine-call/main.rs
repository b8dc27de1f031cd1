//! What an engine call costs, at each depth: the runtime alone, and a whole transaction through revm.
//!
//! The peer is the EVM in the same run: a contract that does the same act as bytecode. Storage is in memory, so that the
//! border is measured and not a disk.

mod chain;
mod host;

use alloy_primitives::Bytes;
use alloy_sol_types::SolCall;
use caldera_bench::{Report, Samples};
use chain::Bench;
use host::Rig;
use probe_engine::IProbe;

/// Samples of a row.
const SAMPLES: usize = 2_000;
/// Acts in one call, for costs too small for the clock.
const TIMES: u32 = 1_000;

fn main() -> std::io::Result<()> {
    let mut report = Report::new("engine-call");
    runtime(&mut report);
    transactions(&mut report);
    report.finish()
}

/// The engine runtime without an EVM.
fn runtime(report: &mut Report) {
    let mut rig = Rig::new();
    let nothing = IProbe::nothingCall {}.abi_encode();
    let warm = rig.time_warm(SAMPLES, &nothing);
    report.row_against("fresh instance and call", rig.time(SAMPLES, &nothing), "warm call", warm);
    for bytes in [32, 1_024, 16_384] {
        let echo = IProbe::echoCall { data: vec![7; bytes].into() }.abi_encode();
        report.row(&format!("fresh instance, echo of {bytes} bytes"), rig.time(SAMPLES, &echo));
    }
    let (key, times) = (Bytes::from_static(b"key"), TIMES);
    let act = |rig: &mut Rig, many: Vec<u8>, none: Vec<u8>| rig.time_each(SAMPLES / 10, &many, &none, TIMES);
    let host_call =
        act(&mut rig, IProbe::hostCallsCall { times }.abi_encode(), IProbe::hostCallsCall { times: 0 }.abi_encode());
    report.row("host call (balance)", host_call);
    let get = act(
        &mut rig,
        IProbe::getTimesCall { key: key.clone(), times }.abi_encode(),
        IProbe::getTimesCall { key: key.clone(), times: 0 }.abi_encode(),
    );
    report.row("storage get (in memory)", get);
    let set = act(
        &mut rig,
        IProbe::setTimesCall { key: key.clone(), times }.abi_encode(),
        IProbe::setTimesCall { key, times: 0 }.abi_encode(),
    );
    report.row("storage set (in memory)", set);
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
