//! Running out of gas at every host call: each gas limit gives the same result or `out-of-fuel`, never a third.

use alloy_sol_types::SolCall;
use caldera_execution::SimulationResult;
use caldera_testkit::PROBE;
use caldera_types::Fault;
use probe_engine::IProbe;

use crate::{
    Entry,
    arena::{Arena, GAS, HOSTILE},
    guest::Guest,
};

const GROUP: &str = "Out of gas at every host call";
/// More than a transaction costs before its first instruction.
const LEAST: u64 = 22_000;
/// Distance of the limits that are tried, and where it is one: around the least that suffices.
const STEP: usize = 11;
const CLOSE: u64 = 256;
/// Limits that are tried by real transactions as well.
const TRANSACTIONS: u64 = 24;

pub fn entries() -> Vec<Entry> {
    let answer = "(call $ok (i32.const 64) (i32.const 64))";
    let sweep = |input: &str, body: &str| {
        let guest = Guest::calling(&format!("{body} {answer}"));
        Entry::new(GROUP, format!("`{input}`"), "out-of-fuel", move |arena| {
            arena.mount(&guest);
            check(arena, false)
        })
    };
    let probe = PROBE.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let set = IProbe::setCall { key: b"swept".to_vec().into(), value: b"value".to_vec().into() }.abi_encode();
    let set_text = set.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let callee = Guest {
        extra: format!("(data (i32.const 2048) \"{probe}\") (data (i32.const 2100) \"{set_text}\")"),
        ..Guest::calling(&format!(
            "(call $evm_call (i32.const 2048) (i32.const 3000) (i32.const 2100) (i32.const {}) (i64.const -1) (i32.const 64))
             (i32.store (i32.const 512) (i32.load8_u (i32.const 64))) (call $ok (i32.const 512) (i32.const 1))",
            set.len()
        ))
    };
    let mut entries = vec![
        sweep("state.get", "(call $get (i32.const 1024) (i32.const 5) (i32.const 64))"),
        sweep("state.set", "(call $set (i32.const 1024) (i32.const 7) (i32.const 1024) (i32.const 100))"),
        sweep("state.remove", "(call $remove (i32.const 1024) (i32.const 5))"),
        sweep(
            "evm.call",
            "(call $evm_call (i32.const 2900) (i32.const 3000) (i32.const 1024) (i32.const 12) (i64.const 9) (i32.const 64))",
        ),
        sweep(
            "evm.static-call",
            "(call $static_call (i32.const 2900) (i32.const 1024) (i32.const 12) (i64.const 9) (i32.const 64))",
        ),
        sweep("evm.emit", "(call $emit (i32.const 1024) (i32.const 4) (i32.const 1024) (i32.const 300))"),
        sweep("evm.balance", "(call $balance (i32.const 1024) (i32.const 64))"),
        sweep("crypto.keccak256", "(call $keccak (i32.const 1024) (i32.const 3000) (i32.const 64))"),
        sweep(
            "crypto.recover-secp256k1",
            "(call $recover (i32.const 1024) (i32.const 0) (i32.const 65) (i32.const 64))",
        ),
        sweep(
            "crypto.verify-ed25519",
            "(drop (call $ed25519 (i32.const 1024) (i32.const 0) (i32.const 400) (i32.const 0) (i32.const 64)))",
        ),
        sweep("log.write", "(call $log (i32.const 3) (i32.const 1024) (i32.const 12))"),
        sweep("memory.grow", "(drop (memory.grow (i32.const 20)))"),
        sweep("the instance and its input alone", ""),
    ];
    // EIP-150: a callee may run out of what it was given while its caller goes on with the 64th that it kept.
    entries.push(Entry::new(GROUP, "`evm.call` of an engine that writes", "out-of-fuel", move |arena| {
        arena.mount(&callee);
        check(arena, true)
    }));
    entries
}

/// Sweeps the gas limit. With `callee_may_fail` a third result is allowed: the caller is told that its callee halted.
fn check(arena: &mut Arena, callee_may_fail: bool) -> String {
    let input = b"input";
    let full = arena.ask(HOSTILE, input, GAS);
    let SimulationResult::Return(_) = &full else { return format!("{full:?}") };
    let told = SimulationResult::Return(vec![1].into());
    let is_known = |result: &SimulationResult| match result {
        SimulationResult::Halt { fault: Some(Fault::OutOfFuel), .. } => Some(0),
        result if *result == full => Some(1),
        result if callee_may_fail && *result == told => Some(2),
        _ => None,
    };
    // The least limit that gives the full result.
    let (mut low, mut high) = (LEAST, GAS);
    while high - low > 1 {
        let middle = low.midpoint(high);
        match is_known(&arena.ask(HOSTILE, input, middle)) {
            Some(1) => high = middle,
            _ => low = middle,
        }
    }
    let enough = high;
    let coarse = (LEAST..enough + 4 * CLOSE).step_by(STEP);
    let mut seen = [0u32; 3];
    for gas in coarse.chain(enough.saturating_sub(CLOSE).max(LEAST)..enough + CLOSE) {
        match is_known(&arena.ask(HOSTILE, input, gas)) {
            Some(kind) if kind != 1 || gas >= enough => seen[kind] += 1,
            other => return format!("a limit of {gas} gas gives {other:?}: {:?}", arena.ask(HOSTILE, input, gas)),
        }
    }
    let mut used = None;
    for step in 0..TRANSACTIONS {
        let gas = LEAST + (enough + 2_000 - LEAST) * step / (TRANSACTIONS - 1);
        let receipt = arena.call(input, gas);
        let whole = gas >= enough;
        let out = receipt.fault == Some(Fault::OutOfFuel) && receipt.logs().is_empty() && receipt.gas_used == gas;
        // What a second write of the same value costs is less than the first's, so gas is compared from there on.
        let same = receipt.succeeded() && (!whole || *used.get_or_insert(receipt.logs().len()) == receipt.logs().len());
        if !(out || same) {
            return format!("a transaction of {gas} gas: {receipt:?}");
        }
    }
    let third = if callee_may_fail { format!(", callee out of gas at {}", seen[2]) } else { String::new() };
    format!("out-of-fuel at {} limits below {enough} gas, the same result at {}{third}", seen[0], seen[1])
}
