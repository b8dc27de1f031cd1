//! What the tests of this crate share: guests written as WebAssembly text and a host over a map.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod guest;
pub mod host;

use alloy_primitives::{Address, B256, U256};
use caldera_engine::{
    CallEnv, CallOutcome, CallUnit, Description, EngineError, EngineHost, EngineOptions, Engines, Export, StageError,
};
use caldera_types::{BlockEnv, Component, EngineLimits, Grants};

/// Gas of a call that is not about gas.
pub const GAS: u64 = 10_000_000;

/// The block of every call.
pub fn block() -> BlockEnv {
    BlockEnv {
        chain_id: 4201,
        number: 7,
        timestamp_s: 1_700_000_000,
        prev_randao: B256::repeat_byte(0xaa),
        beneficiary: Address::ZERO,
        gas_limit: 60_000_000,
        base_fee: 7,
        fees: Default::default(),
        rules: Default::default(),
    }
}

/// The environment of every call.
pub fn env() -> CallEnv {
    CallEnv {
        caller: Address::repeat_byte(0x11),
        origin: Address::repeat_byte(0x22),
        self_address: Address::repeat_byte(0x33),
        value: U256::from(5),
        is_static: false,
        gas_left: 77,
        block: block(),
    }
}

/// Engines with one component staged.
pub struct Rig {
    pub engines: Engines,
    pub component: Component,
    pub unit_limits: EngineLimits,
    pub is_static: bool,
}

impl Rig {
    /// Stages a guest that must be accepted, under all grants.
    pub fn new(guest: guest::Guest) -> Self {
        let (engines, component) = (engines(), guest.component());
        engines.stage(&component, Grants::ALL, &EngineLimits::recommended()).expect("the guest is accepted");
        Self { engines, component, unit_limits: EngineLimits::recommended(), is_static: false }
    }

    /// The same for a guest that needs all the memory that a chain allows.
    pub fn wide(guest: guest::Guest) -> Self {
        let limits =
            EngineLimits { memory_pages: caldera_types::limits::MAX_MEMORY_PAGES, ..EngineLimits::recommended() };
        let (engines, component) = (engines(), guest.component());
        engines.stage(&component, Grants::ALL, &limits).expect("the guest is accepted");
        Self { engines, component, unit_limits: limits, is_static: false }
    }

    /// The unit that calls `export`.
    pub fn unit<'a>(&self, export: Export<'a>) -> CallUnit<'a> {
        CallUnit {
            digest: self.component.digest(),
            grants: Grants::ALL,
            limits: self.unit_limits,
            warm: false,
            is_static: self.is_static,
            export,
        }
    }

    /// Calls `call` with this input.
    pub fn try_call(&self, host: &mut dyn EngineHost, input: &[u8], gas: u64) -> Result<CallOutcome, EngineError> {
        self.engines.call(self.unit(Export::Call { env: env(), input }), host, gas)
    }

    /// The same; this node must not fail.
    pub fn call(&self, host: &mut dyn EngineHost, input: &[u8], gas: u64) -> CallOutcome {
        self.try_call(host, input, gas).expect("this node does not fail")
    }
}

/// Engines with nothing staged.
pub fn engines() -> Engines {
    Engines::new(EngineOptions::recommended()).expect("wasmtime starts")
}

/// One set of engines for tests that stage many components.
pub fn engines_shared() -> &'static Engines {
    static SHARED: std::sync::OnceLock<Engines> = std::sync::OnceLock::new();
    SHARED.get_or_init(engines)
}

/// Stages bytes under all grants.
pub fn stage(bytes: Vec<u8>) -> Result<Description, StageError> {
    let component = Component::new(bytes).expect("bytes within the limit");
    engines().stage(&component, Grants::ALL, &EngineLimits::recommended())
}
