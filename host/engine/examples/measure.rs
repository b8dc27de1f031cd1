//! Measures what the numbers of `caldera_types::metering` were set from: fuel per second of ordinary code, the price of
//! instances, memory and host calls in time. `cargo run --release -p caldera-engine --example measure [CORE.wasm]`.
//!
//! A core module given as argument must export the world `engine`; its `call` reads a workload number (one byte, padded to
//! four) and a count (four bytes, little-endian) from its input.

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use alloy_primitives::{B256, keccak256};
use caldera_bls::{Domain, SecretKey, aggregate};
use caldera_engine::{CallOutcome, EngineResult, Export};
use caldera_types::{EngineLimits, Grants, metering};
use support::{
    Rig,
    guest::{Guest, encode_module},
    host::MapHost,
};

/// Gas without limit, as far as a measurement is concerned.
const GAS: u64 = 4_000_000_000;

const LOOP_END: &str = "(local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const COUNT)))) (call $ok (i32.const 0) (i32.const 0))";

/// Bodies of a loop: name, body, rounds.
const LOOPS: [(&str, &str, u32); 17] = [
    ("integer add, mul", "(local.set $x (i64.mul (i64.add (local.get $x) (i64.const 3)) (i64.const 5)))", 5_000_000),
    (
        "load, store (64 KiB)",
        "(local.set $n (i32.and (i32.mul (local.get $i) (i32.const 68)) (i32.const 65532))) (i32.store (local.get $n) (i32.add (i32.load (local.get $n)) (local.get $i)))",
        5_000_000,
    ),
    (
        "load, store (2 MiB, far)",
        "(local.set $n (i32.and (i32.mul (local.get $i) (i32.const 4164)) (i32.const 2097148))) (i32.store (local.get $n) (i32.add (i32.load (local.get $n)) (local.get $i)))",
        5_000_000,
    ),
    (
        "i64.div_u",
        "(local.set $x (i64.add (i64.div_u (i64.const 0x7fffffffffffffff) (i64.or (local.get $x) (i64.const 3))) (i64.const 7)))",
        5_000_000,
    ),
    (
        "f64.sqrt, div",
        "(local.set $x (i64.reinterpret_f64 (f64.sqrt (f64.div (f64.const 3.7) (f64.convert_i32_u (local.get $i))))))",
        5_000_000,
    ),
    (
        "f64.nearest",
        "(local.set $x (i64.reinterpret_f64 (f64.nearest (f64.add (f64.reinterpret_i64 (local.get $x)) (f64.const 1.3)))))",
        5_000_000,
    ),
    (
        "f32.trunc x4",
        "(local.set $x (i64.extend_i32_u (i32.reinterpret_f32 (f32.trunc (f32.ceil (f32.floor (f32.nearest (f32.convert_i32_u (local.get $i)))))))))",
        2_000_000,
    ),
    (
        "i64.popcnt, clz, ctz",
        "(local.set $x (i64.add (i64.popcnt (local.get $x)) (i64.add (i64.clz (local.get $x)) (i64.ctz (i64.or (local.get $x) (i64.const 4096))))))",
        5_000_000,
    ),
    ("call_indirect", "(local.set $n (call_indirect (type $u) (local.get $n) (i32.const 0)))", 5_000_000),
    ("memory.fill 128 KiB", "(memory.fill (i32.const 8192) (i32.const 1) (i32.const 131072))", 2_000),
    ("memory.copy 32 bytes", "(memory.copy (i32.const 8192) (i32.const 65536) (i32.const 32))", 2_000_000),
    ("memory.fill 0 bytes", "(memory.fill (i32.const 8192) (i32.const 1) (local.get $n))", 2_000_000),
    ("memory.copy 128 KiB", "(memory.copy (i32.const 8192) (i32.const 262144) (i32.const 131072))", 2_000),
    ("table.fill 1000", "(table.fill (i32.const 0) (ref.null func) (i32.const 1000))", 10_000),
    ("table.copy 1000", "(table.copy (i32.const 0) (i32.const 1) (i32.const 1000))", 10_000),
    ("table.get, table.set", "(table.set (i32.const 5) (table.get (i32.const 0)))", 5_000_000),
    ("memory.grow 0", "(drop (memory.grow (i32.const 0)))", 2_000_000),
];

/// Host calls, in a loop.
const HOST_CALLS: [(&str, &str, u32); 6] = [
    ("log.write 5 B", "(call $log (i32.const 0) (i32.const 1024) (i32.const 5))", 200_000),
    (
        "crypto.keccak256 0 B",
        "(global.set $next (i32.const 4096)) (call $keccak (i32.const 0) (i32.const 0) (i32.const 512))",
        500_000,
    ),
    (
        "crypto.keccak256 128 KiB",
        "(global.set $next (i32.const 4096)) (call $keccak (i32.const 0) (i32.const 131072) (i32.const 512))",
        500,
    ),
    (
        "crypto.recover",
        "(global.set $next (i32.const 4096)) (call $recover (i32.const 1024) (i32.const 2048) (i32.const 65) (i32.const 512))",
        5_000,
    ),
    ("evm.balance", "(global.set $next (i32.const 4096)) (call $balance (i32.const 0) (i32.const 512))", 500_000),
    ("state.get none", "(call $get (i32.const 1024) (i32.const 5) (i32.const 512))", 500_000),
];

fn main() {
    println!("code: fuel per ns, and ns per gas at FUEL_PER_GAS = {}", metering::FUEL_PER_GAS);
    for (name, body, count) in LOOPS {
        code(name, body, count);
    }
    if let Some(path) = std::env::args().nth(1) {
        module(&std::fs::read(path).expect("the file can be read"));
    }
    println!("host calls: ns and gas for one");
    for (name, body, count) in HOST_CALLS {
        let rig = guest(body, count);
        let (time, outcome) = best(|| rig.call(&mut MapHost::default(), b"", GAS));
        let (ns, gas) = (nanos(time) / f64::from(count), outcome.gas_used as f64 / f64::from(count));
        println!("  {name:26} {ns:9.1} ns {gas:9.1} gas {:7.2} ns/gas", ns / gas);
    }
    verifications();
    instances();
    pages();
    outputs();
}

/// Times one loop.
fn code(name: &str, body: &str, count: u32) {
    let rig = guest(body, count);
    report(name, best(|| rig.call(&mut MapHost::default(), b"", GAS)));
}

/// A guest that runs `body` this often.
fn guest(body: &str, count: u32) -> Rig {
    let text = format!("(loop $l {body} {}", LOOP_END.replace("COUNT", &count.to_string()));
    let mut rig = Rig::new(Guest {
        memory: "34".into(),
        extra: "(type $u (func (param i32) (result i32))) (table 2000 funcref) (elem (i32.const 0) $inc)
            (func $inc (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))"
            .into(),
        ..Guest::calling(&text)
    });
    rig.unit_limits.fuel_per_call = u64::MAX;
    rig
}

/// Times the workloads of a module from outside.
fn module(bytes: &[u8]) {
    let component = caldera_types::Component::new(encode_module(bytes.to_vec())).expect("it is small");
    let engines = support::engines();
    engines.stage(&component, Grants::ALL, &EngineLimits::recommended()).expect("it is accepted");
    let limits = EngineLimits { fuel_per_call: u64::MAX, ..EngineLimits::recommended() };
    let rig = Rig { engines, component, unit_limits: limits, is_static: false };
    for (workload, count) in [(0u32, 20_000u32), (1, 1_000_000), (2, 2_000), (3, 500), (4, 2_000), (5, 1_000_000)] {
        let input = [workload.to_le_bytes(), count.to_le_bytes()].concat();
        report(&format!("module, workload {workload}"), best(|| rig.call(&mut MapHost::default(), &input, GAS)));
    }
    let (median, p99) = percentiles(5_000, || drop(rig.call(&mut MapHost::default(), &[0; 8], GAS)));
    println!("  module, fresh empty call  {median:9.2} us median {p99:9.2} us p99");
}

fn report(name: &str, (time, outcome): (Duration, CallOutcome)) {
    assert!(matches!(outcome.result, EngineResult::Return(_)), "{name}: {outcome:?}");
    let rate = outcome.fuel_used as f64 / nanos(time);
    println!("  {name:26} {rate:7.3} fuel/ns {:7.2} ns/gas", metering::FUEL_PER_GAS as f64 / rate);
}

/// Host calls of `caldera:verify` on what holds, which takes longest. Input: signature, message of 121 bytes, keys; or root, key,
/// nodes.
fn verifications() {
    println!("verification: us and gas for one");
    let body = "(drop (call $bls_all (i32.const 1) (i32.add (local.get $in) (i32.const 217)) (i32.sub (local.get $len) (i32.const 217))
        (i32.add (local.get $in) (i32.const 96)) (i32.const 121) (local.get $in) (i32.const 96))) (call $ok (local.get $in) (i32.const 0))";
    for count in [1u8, 4, 32, 125] {
        let secrets: Vec<_> = (0..count).map(|n| SecretKey::from_entropy(&[n; 32])).collect();
        let signatures: Vec<_> = secrets.iter().map(|secret| secret.sign(Domain::Certificate, &[7; 121])).collect();
        let keys: Vec<_> = secrets.iter().map(|secret| secret.public_key().to_bytes()).collect();
        let sum = aggregate(&signatures).expect("there are some").to_bytes();
        verification(&format!("bls, {count} keys"), body, [sum.as_slice(), &[7; 121], &keys.concat()].concat());
    }
    let body = "(call $mpt (local.get $in) (i32.add (local.get $in) (i32.const 32)) (i32.const 32)
        (i32.add (local.get $in) (i32.const 64)) (i32.sub (local.get $len) (i32.const 64)) (i32.const 512))
        (call $ok (local.get $in) (i32.const 0))";
    let leaf = [[0xe2, 0x20].as_slice(), &[0xa0], &[7; 32]].concat();
    for depth in [1, 8, 60] {
        // Full branches, 532 bytes each, whose child at nibble 5 is the one below.
        let mut nodes: Vec<Vec<u8>> = Vec::new();
        for _ in 0..depth {
            let below = keccak256(nodes.last().unwrap_or(&leaf));
            let child = |n: usize| [&[0xa0], if n == 5 { below } else { B256::repeat_byte(7) }.as_slice()].concat();
            nodes.push([vec![0xf9, 0x02, 0x11], (0..16).flat_map(child).collect(), vec![0x80]].concat());
        }
        nodes.reverse();
        let input = [keccak256(&nodes[0]).as_slice(), &[0x55; 32], &nodes.concat()].concat();
        verification(&format!("mpt, {depth} branches"), body, input);
    }
}

fn verification(name: &str, body: &str, input: Vec<u8>) {
    let rig = Rig::new(Guest::verifying(body));
    let empty = Rig::new(Guest::verifying("(call $ok (local.get $in) (i32.const 0))"));
    let run = |rig: &Rig| {
        let outcome = rig.call(&mut MapHost::default(), &input, GAS);
        (percentiles(200, || drop(rig.call(&mut MapHost::default(), &input, GAS))).0, outcome.gas_used)
    };
    let ((with, gas), (without, base)) = (run(&rig), run(&empty));
    let (us, gas) = (with - without, gas - base);
    println!("  {name:26} {us:9.1} us {gas:9} gas {:7.2} ns/gas", us * 1000.0 / gas as f64);
}

/// A fresh instance with an empty call, by initial pages; and a warm one.
fn instances() {
    println!("instance and empty call");
    for pages in [1, 2, 4, 17, 64, 512] {
        let mut rig = Rig::wide(Guest { memory: pages.to_string(), ..Guest::default() });
        rig.unit_limits.memory_pages = 512;
        let (median, p99) = percentiles(5_000, || drop(rig.call(&mut MapHost::default(), b"", GAS)));
        println!("  fresh, {pages:3} pages          {median:9.2} us median {p99:9.2} us p99");
    }
    // The bump allocator of the test guests never frees, so a kept instance starts it over.
    let again = "(global.set $next (i32.const 4096)) (call $ok (local.get $in) (local.get $len))";
    let rig = Rig::new(Guest { call: again.into(), ..Guest::default() });
    let mut warm = rig.engines.warm_instance(rig.component.digest(), Grants::ALL, rig.unit_limits).expect("it starts");
    let (median, p99) = percentiles(10_000, || {
        let export = Export::Call { env: support::env(), input: b"" };
        let outcome = warm.call(export, false, &mut MapHost::default(), GAS).expect("this node does not fail");
        assert!(matches!(outcome.result, EngineResult::Return(_)));
    });
    println!("  warm                      {median:9.2} us median {p99:9.2} us p99");
}

/// Memory set up or grown, and each 4 KiB of it touched once.
fn pages() {
    println!("memory: ns for each 64 KiB page, every 4 KiB touched");
    let touch = "(loop $l (i32.store8 (local.get $i) (i32.const 1)) (local.set $i (i32.add (local.get $i) (i32.const 4096)))
        (br_if $l (i32.lt_u (local.get $i) (i32.mul (memory.size) (i32.const 65536))))) (call $ok (i32.const 0) (i32.const 0))";
    for (pages, initial) in [(64, "64"), (512, "512"), (64, "2"), (512, "2")] {
        let grow =
            if initial == "2" { format!("(drop (memory.grow (i32.const {})))", pages - 2) } else { String::new() };
        let mut rig = Rig::wide(Guest { memory: initial.into(), ..Guest::calling(&format!("{grow} {touch}")) });
        rig.unit_limits.memory_pages = 512;
        let (median, _) = percentiles(200, || {
            let outcome = rig.call(&mut MapHost::default(), b"", GAS);
            assert!(matches!(outcome.result, EngineResult::Return(_)));
        });
        println!("  {pages:3} pages, {initial:3} at the start {:9.1} ns", median * 1000.0 / f64::from(pages));
    }
}

/// The longest output, and one that is refused after it was copied.
fn outputs() {
    for (name, pages) in [("output 1 MiB", 16u32), ("output 32 MiB (refused)", 512)] {
        let body = format!("(call $ok (i32.const 0) (i32.const {}))", pages * 65536);
        let mut rig = Rig::wide(Guest { memory: pages.to_string(), ..Guest::calling(&body) });
        rig.unit_limits.memory_pages = 512;
        let (median, _) = percentiles(50, || drop(rig.call(&mut MapHost::default(), b"", GAS)));
        println!("  {name:26} {median:9.1} us");
    }
}

/// The fastest of five.
fn best(run: impl Fn() -> CallOutcome) -> (Duration, CallOutcome) {
    (0..5)
        .map(|_| {
            let start = Instant::now();
            let outcome = run();
            (start.elapsed(), outcome)
        })
        .min_by_key(|(time, _)| *time)
        .expect("five runs")
}

/// Median and 99th percentile, in microseconds.
fn percentiles(count: usize, mut run: impl FnMut()) -> (f64, f64) {
    (0..count / 10).for_each(|_| run());
    let mut times: Vec<_> = (0..count)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort();
    (nanos(times[count / 2]) / 1000.0, nanos(times[count * 99 / 100]) / 1000.0)
}

fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}
