//! The memory of a real guest: what the host hands over and what the guest allocates come from one arena and never overlap,
//! inside it and beyond, and an instance that is kept does not fill it up.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use caldera_engine::{
    CallEnv, CallUnit, EngineHost, EngineResult, Export, GasMeter, HostError, LogLevel, Subcall, SubcallResult,
};
use caldera_testkit::{PROBE, component, engines};
use caldera_types::{BlockEnv, EngineLimits, Grants};
use probe_engine::IProbe;

const GAS: u64 = 1 << 40;

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
    fn call(&mut self, call: Subcall<'_>, _: &mut GasMeter) -> Result<SubcallResult, HostError> {
        Ok(SubcallResult::Return(Bytes::copy_from_slice(call.input)))
    }
    fn emit(&mut self, _: &[B256], _: &[u8], _: &mut GasMeter) -> Result<(), HostError> {
        Ok(())
    }
    fn balance(&mut self, _: Address, _: &mut GasMeter) -> Result<U256, HostError> {
        Ok(U256::ZERO)
    }
    fn log(&mut self, _: LogLevel, _: &str) {}
}

fn env() -> CallEnv {
    let (caller, block) = (Address::repeat_byte(1), BlockEnv { gas_limit: GAS, ..caldera_testkit::genesis(&[]).env });
    let value = U256::ZERO;
    CallEnv { caller, origin: caller, self_address: PROBE, value, is_static: false, gas_left: GAS, block }
}

fn limits() -> EngineLimits {
    EngineLimits { fuel_per_call: u64::MAX, ..EngineLimits::recommended() }
}

/// Bytes that tell where they are.
fn pattern(len: usize) -> Bytes {
    (0..len).map(|place| (place % 251) as u8).collect::<Vec<_>>().into()
}

fn call<C: SolCall>(engines: &caldera_engine::Engines, host: &mut Map, call: &C) -> C::Return {
    let input = call.abi_encode();
    let export = Export::Call { env: env(), input: &input };
    let digest = component("probe-v1").digest();
    let unit = CallUnit { digest, grants: Grants::ALL, limits: limits(), warm: true, is_static: false, export };
    match engines.call(unit, host, GAS).unwrap().result {
        EngineResult::Return(data) => C::abi_decode_returns(&data).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn staged() -> caldera_engine::Engines {
    let engines = engines();
    engines.stage(&component("probe-v1"), Grants::ALL, &limits()).unwrap();
    engines
}

#[test]
fn inputs_of_every_size_come_back_whole() {
    let engines = staged();
    for len in
        [0, 1, 31, 32, 1_000, 40_000, 60_000, 80_000, 119_000, 121_000, 200_000, 239_000, 245_800, 300_000, 900_000]
    {
        let data = pattern(len);
        assert!(call(&engines, &mut Map::default(), &IProbe::echoCall { data: data.clone() }) == data, "{len} bytes");
    }
}

#[test]
fn answers_of_the_host_fill_the_arena_and_go_on_beyond() {
    let (engines, mut host) = (staged(), Map::default());
    let (key, value) = (Bytes::from_static(b"key"), pattern(24_000));
    call(&engines, &mut host, &IProbe::setCall { key: key.clone(), value: value.clone() });
    assert_eq!(call(&engines, &mut host, &IProbe::getCall { key: key.clone() }), value);
    call(&engines, &mut host, &IProbe::getTimesCall { key, times: 100 });
    // An input and a sub-call's answer in the same call, each of most of the arena.
    let input = pattern(200_000);
    let look = IProbe::lookCall { to: Address::repeat_byte(9), input: input.clone(), gas: 1_000 };
    let answer = call(&engines, &mut host, &look);
    assert!(answer._0 && answer._1 == input);
}

#[test]
fn an_instance_that_is_kept_does_not_fill_its_arena() {
    let engines = staged();
    let mut warm = engines.warm_instance(component("probe-v1").digest(), Grants::ALL, limits()).unwrap();
    let input = IProbe::echoCall { data: pattern(10_000) }.abi_encode();
    let mut peaks = Vec::new();
    for _ in 0..2_000 {
        let export = Export::Call { env: env(), input: &input };
        let outcome = warm.call(export, false, &mut Map::default(), GAS).unwrap();
        assert!(matches!(outcome.result, EngineResult::Return(_)), "{:?}", outcome.result);
        peaks.push(outcome.memory_peak_bytes);
    }
    assert!(peaks.iter().all(|peak| *peak == peaks[0]), "{peaks:?}");
}
