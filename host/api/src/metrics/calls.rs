//! What a chain's engine calls took and how they ended, by mount.
//!
//! A call is noted by its own thread: one shared lock, one search among a few mounts, and some atomic additions. Handles
//! are made at a mount's first call and stay, so nothing is allocated after it.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use alloy_primitives::Address;
use caldera_engine::{CallUnit, EngineResult, Export, Observation, Observer, Purpose};
use caldera_types::{Digest, Fault};
use parking_lot::RwLock;

use super::histogram::Histogram;

/// Bounds of the time of a call, in nanoseconds: 2 µs to 1 s.
const CALL_NS: [u64; 18] = [
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
];
/// Bounds of the time until an instance stands, in nanoseconds: 1 µs to 10 ms.
const INSTANTIATION_NS: [u64; 13] =
    [1_000, 2_000, 4_000, 6_000, 8_000, 12_000, 16_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 10_000_000];
/// Bounds of the fuel of a call: a thousand to a thousand millions.
const FUEL: [u64; 13] = [
    1_000,
    3_000,
    10_000,
    30_000,
    100_000,
    300_000,
    1_000_000,
    3_000_000,
    10_000_000,
    30_000_000,
    100_000_000,
    300_000_000,
    1_000_000_000,
];

/// Calls of one mount for one purpose.
#[derive(Debug)]
pub(crate) struct Calls {
    /// Time of the whole call, in nanoseconds.
    pub(crate) total: Histogram,
    /// Time until the instance stood, in nanoseconds.
    pub(crate) instantiation: Histogram,
    /// Fuel used.
    pub(crate) fuel: Histogram,
    /// Most memory that one instance had, in bytes.
    pub(crate) memory_peak_bytes: AtomicU64,
    /// Calls that ended in a revert.
    pub(crate) reverts: AtomicU64,
    /// Calls that ended in a fault, by its code.
    pub(crate) faults: Vec<AtomicU64>,
}

impl Calls {
    fn new() -> Self {
        Self {
            total: Histogram::new(&CALL_NS),
            instantiation: Histogram::new(&INSTANTIATION_NS),
            fuel: Histogram::new(&FUEL),
            memory_peak_bytes: AtomicU64::new(0),
            reverts: AtomicU64::new(0),
            faults: Fault::all().map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn note(&self, call: &Observation<'_>) {
        self.total.observe(nanoseconds(call.total));
        if let Some(instantiation) = call.instantiation {
            self.instantiation.observe(nanoseconds(instantiation));
        }
        self.fuel.observe(call.outcome.fuel_used);
        self.memory_peak_bytes.fetch_max(call.outcome.memory_peak_bytes, Relaxed);
        match call.outcome.result {
            EngineResult::Return(_) | EngineResult::More(_) => {}
            EngineResult::Revert(_) => drop(self.reverts.fetch_add(1, Relaxed)),
            EngineResult::Fault(fault) => {
                if let Some(count) = self.faults.get(fault as usize) {
                    count.fetch_add(1, Relaxed);
                }
            }
        }
    }
}

/// Nanoseconds of a time; five hundred years are enough.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The calls of one mount, by purpose in the order of [`Purpose::ALL`].
type Mount = [Calls; Purpose::ALL.len()];

/// The calls of one chain's engines.
#[derive(Default)]
pub(crate) struct ChainCalls(RwLock<Table>);

#[derive(Default)]
struct Table {
    mounts: BTreeMap<Address, Box<Mount>>,
    /// Which mount a component belongs to: only `call` is told where it runs.
    homes: BTreeMap<Digest, Address>,
}

impl Table {
    fn address(&self, unit: &CallUnit<'_>) -> Address {
        match unit.export {
            Export::Call { env, .. } => env.self_address,
            // Before the chain's first event about it: the zero address, where nothing can be mounted.
            _ => self.homes.get(&unit.digest).copied().unwrap_or_default(),
        }
    }
}

impl ChainCalls {
    /// Tells that a component is, or is about to be, at a mount.
    pub(crate) fn learn(&self, digest: Digest, mount: Address) {
        self.0.write().homes.insert(digest, mount);
    }

    /// Reads every mount that was called, with its purpose.
    pub(crate) fn each(&self, mut read: impl FnMut(Address, Purpose, &Calls)) {
        let table = self.0.read();
        for (address, mount) in &table.mounts {
            Purpose::ALL.into_iter().zip(mount.iter()).for_each(|(purpose, calls)| read(*address, purpose, calls));
        }
    }
}

impl Observer for ChainCalls {
    fn called(&self, call: &Observation<'_>) {
        let table = self.0.read();
        let address = table.address(call.unit);
        if let Some(mount) = table.mounts.get(&address) {
            return mount[call.purpose as usize].note(call);
        }
        drop(table);
        let mut table = self.0.write();
        let mount = table.mounts.entry(address).or_insert_with(|| Box::new(std::array::from_fn(|_| Calls::new())));
        mount[call.purpose as usize].note(call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{B256, U256};
    use caldera_engine::{CallEnv, CallOutcome};
    use caldera_types::{BlockEnv, EngineLimits, Grants};
    use std::time::Instant;

    const MOUNT: Address = Address::repeat_byte(0xe1);

    fn block() -> BlockEnv {
        BlockEnv {
            chain_id: 1,
            number: 1,
            timestamp_s: 1,
            prev_randao: B256::ZERO,
            beneficiary: Address::ZERO,
            gas_limit: 1,
            base_fee: 1,
            fees: Default::default(),
            rules: Default::default(),
        }
    }

    fn unit(export: Export<'_>) -> CallUnit<'_> {
        CallUnit {
            digest: Digest::of(b"component"),
            grants: Grants::ALL,
            limits: EngineLimits::recommended(),
            warm: true,
            is_static: false,
            export,
        }
    }

    fn call(mount: Address) -> Export<'static> {
        let env = CallEnv {
            caller: Address::ZERO,
            origin: Address::ZERO,
            self_address: mount,
            value: U256::ZERO,
            is_static: false,
            gas_left: 0,
            block: block(),
        };
        Export::Call { env, input: b"" }
    }

    fn outcome(result: EngineResult) -> CallOutcome {
        CallOutcome { result, gas_used: 1, fuel_used: 5_000, memory_peak_bytes: 65_536 }
    }

    fn observe(calls: &ChainCalls, export: Export<'_>, purpose: Purpose, result: EngineResult) {
        let (unit, outcome) = (unit(export), outcome(result));
        let instantiation = Some(Duration::from_micros(5));
        let total = Duration::from_micros(7);
        calls.called(&Observation { unit: &unit, purpose, instantiation, total, outcome: &outcome });
    }

    #[test]
    fn calls_are_noted_by_mount_and_purpose() {
        let calls = ChainCalls::default();
        calls.learn(Digest::of(b"component"), MOUNT);
        observe(&calls, call(MOUNT), Purpose::Block, EngineResult::Return(vec![]));
        observe(&calls, Export::BeginBlock { env: block() }, Purpose::Block, EngineResult::Revert(vec![]));
        observe(&calls, call(MOUNT), Purpose::Simulation, EngineResult::Fault(Fault::Trap));
        let mut seen = Vec::new();
        calls.each(|address, purpose, calls| {
            let faults: u64 = calls.faults.iter().map(|count| count.load(Relaxed)).sum();
            seen.push((address, purpose, calls.total.read(1.0).count, calls.reverts.load(Relaxed), faults));
        });
        let want = [(Purpose::Block, 2, 1, 0), (Purpose::Simulation, 1, 0, 1), (Purpose::Shadow, 0, 0, 0)];
        assert_eq!(seen, want.map(|(purpose, calls, reverts, faults)| (MOUNT, purpose, calls, reverts, faults)));
    }

    /// The cost that every call of an engine pays once metrics are on. Printed, and bounded loosely: a machine that is busy
    /// with other things is slow.
    #[test]
    fn noting_a_call_takes_less_than_a_microsecond() {
        const TIMES: u32 = 200_000;
        let calls = ChainCalls::default();
        (0..8)
            .for_each(|n| observe(&calls, call(Address::repeat_byte(n)), Purpose::Block, EngineResult::Return(vec![])));
        let (unit, outcome) = (unit(call(Address::repeat_byte(5))), outcome(EngineResult::Return(vec![])));
        let (instantiation, total) = (Some(Duration::from_micros(5)), Duration::from_micros(7));
        let seen = Observation { unit: &unit, purpose: Purpose::Block, instantiation, total, outcome: &outcome };
        let best = (0..5).map(|_| {
            let began = Instant::now();
            (0..TIMES).for_each(|_| calls.called(std::hint::black_box(&seen)));
            began.elapsed() / TIMES
        });
        let best = best.min().unwrap();
        eprintln!("noting a call takes {best:?}");
        assert!(best < Duration::from_micros(1), "{best:?}");
    }
}
