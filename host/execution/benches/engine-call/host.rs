//! The engine runtime on a map: no EVM, no charge beyond the runtime's own.

use std::{collections::BTreeMap, time::Instant};

use alloy_primitives::{Address, B256, U256};
use caldera_bench::Samples;
use caldera_engine::{
    CallEnv, CallUnit, EngineHost, EngineResult, Engines, Export, GasMeter, HostError, LogLevel, Subcall,
    SubcallResult, WarmInstance,
};
use caldera_testkit::PROBE;
use caldera_types::{BlockEnv, Component, Digest, EngineLimits, Grants};

/// Gas that never runs out.
pub const GAS: u64 = 1 << 40;

/// One engine, staged, with a map for storage.
pub struct Rig {
    engines: Engines,
    digest: Digest,
    limits: EngineLimits,
    warm: WarmInstance,
    map: Map,
}

impl Rig {
    /// Stages it.
    pub fn new(engines: &Engines, component: &Component) -> Self {
        let limits = EngineLimits { fuel_per_call: u64::MAX, ..EngineLimits::recommended() };
        engines.stage(component, Grants::ALL, &limits).expect("a sound engine");
        let warm = engines.warm_instance(component.digest(), Grants::ALL, limits).expect("it was just staged");
        Self { engines: engines.clone(), digest: component.digest(), limits, warm, map: Map::default() }
    }

    /// Calls in a fresh instance each.
    pub fn time(&mut self, samples: usize, input: &[u8]) -> Samples {
        Samples::time(samples, 1, || self.call(input))
    }

    /// Calls in one instance that is kept. In batches: such a call is too short for the clock.
    pub fn time_warm(&mut self, samples: usize, input: &[u8]) -> Samples {
        Samples::time(samples / 10, 10, || self.call_warm(input))
    }

    /// The cost of one act: a call that does `times` of it less a call that does none.
    pub fn time_each(&mut self, samples: usize, many: &[u8], none: &[u8], times: u32) -> Samples {
        let mut once = |input: &[u8]| {
            let began = Instant::now();
            self.call(input);
            began.elapsed().as_nanos() as f64
        };
        let each = (0..samples).map(|_| (once(many) - once(none)) / f64::from(times)).collect();
        Samples::new(each).expect("there are samples, and they are finite")
    }

    /// A call in a fresh instance that must return.
    pub fn call(&mut self, input: &[u8]) {
        let result = self.try_call(input, GAS);
        assert!(matches!(result, EngineResult::Return(_)), "{result:?}");
    }

    /// A call in a fresh instance.
    pub fn try_call(&mut self, input: &[u8], gas: u64) -> EngineResult {
        let unit = CallUnit {
            digest: self.digest,
            grants: Grants::ALL,
            limits: self.limits,
            warm: true,
            is_static: false,
            export: Export::Call { env: env(), input },
        };
        self.engines.call(unit, &mut self.map, gas).expect("no node fault").result
    }

    /// A call in the instance that is kept.
    pub fn call_warm(&mut self, input: &[u8]) {
        let export = Export::Call { env: env(), input };
        let outcome = self.warm.call(export, false, &mut self.map, GAS).expect("no node fault");
        assert!(matches!(outcome.result, EngineResult::Return(_)), "{:?}", outcome.result);
    }
}

fn env() -> CallEnv {
    let block = BlockEnv {
        chain_id: 1,
        number: 1,
        timestamp_s: 1,
        prev_randao: B256::ZERO,
        beneficiary: Address::ZERO,
        gas_limit: GAS,
        base_fee: 1,
        fees: Default::default(),
        rules: Default::default(),
    };
    let (caller, origin) = (Address::repeat_byte(1), Address::repeat_byte(1));
    CallEnv { caller, origin, self_address: PROBE, value: U256::ZERO, is_static: false, gas_left: GAS, block }
}

#[derive(Default)]
struct Map(BTreeMap<Vec<u8>, Vec<u8>>);

impl EngineHost for Map {
    fn get(&mut self, key: &[u8], _: &mut GasMeter) -> Result<Option<Vec<u8>>, HostError> {
        Ok(self.0.get(key).cloned())
    }
    fn set(&mut self, key: &[u8], value: &[u8], _: &mut GasMeter) -> Result<(), HostError> {
        self.0.insert(key.to_vec(), value.to_vec());
        Ok(())
    }
    fn remove(&mut self, key: &[u8], _: &mut GasMeter) -> Result<(), HostError> {
        self.0.remove(key);
        Ok(())
    }
    fn call(&mut self, _: Subcall<'_>, _: &mut GasMeter) -> Result<SubcallResult, HostError> {
        Ok(SubcallResult::TooDeep)
    }
    fn emit(&mut self, _: &[B256], _: &[u8], _: &mut GasMeter) -> Result<(), HostError> {
        Ok(())
    }
    fn balance(&mut self, _: Address, _: &mut GasMeter) -> Result<U256, HostError> {
        Ok(U256::ZERO)
    }
    fn log(&mut self, _: LogLevel, _: &str) {}
}
