//! One call: a store with fuel, an instance, one export, and what it used.

use std::sync::Arc;

use alloy_primitives::{Address, B256, U256};
use caldera_types::{
    EngineLimits, Fault, Hooks,
    limits::{
        DESCRIBE_GAS, MAX_CURSOR_BYTES, MAX_MEMORY_PAGES, MAX_MESSAGE_BYTES, MAX_OUTPUT_BYTES, MAX_SUBCALL_DEPTH,
        MAX_VALUE_BYTES,
    },
    metering::{HOST_BYTE_FUEL, fuel_of, gas_of},
};
use wasmtime::{
    Result, Store,
    component::{Instance, InstancePre},
};

use crate::{
    call::{CallOutcome, CallUnit, Description, EngineResult, Export},
    checks::at_most,
    engines::{Ready, Sizes, fault_or_node, node},
    error::{EngineError, Rejection, StageError},
    exports::Exports,
    fault::Stop,
    guest::{Guest, Mode},
    observer::Timer,
    port::{EngineHost, GasMeter, HostError, LogLevel, Subcall, SubcallResult},
};

/// Most bytes that one crossing of the border may lift. Twice the longest output, so that lengths are judged by name, in
/// [`crate::border`] and here; what is longer still is refused before it is copied ([`crate::fault`]).
const LIFT_BYTES: usize = 2 * MAX_OUTPUT_BYTES;
/// Most bytes that `describe` may return.
const DESCRIPTION_BYTES: usize = 256 * 1024;
/// Longest name or version in a description, in bytes.
const NAME_BYTES: usize = 64;

/// Runs one call in a fresh instance.
pub(crate) fn call(
    ready: &Ready,
    unit: &CallUnit<'_>,
    host: &mut dyn EngineHost,
    gas: u64,
    timer: &mut Timer<'_>,
) -> Result<CallOutcome, EngineError> {
    let instance_gas = ready.sizes.instance_gas(unit.warm);
    let Some(rest) = gas.checked_sub(instance_gas) else {
        return Ok(halted(Fault::OutOfFuel, gas, 0, 0));
    };
    let mut store = store(ready.pre.engine(), unit.limits).map_err(node)?;
    let fuel = fuel_of(rest).min(unit.limits.fuel_per_call);
    store.data_mut().attach(host, Mode::of(&unit.export, unit.is_static));
    let result = instantiate(&mut store, &ready.pre, fuel).and_then(|instance| {
        timer.instantiated();
        run(&mut store, &ready.exports, &instance, &unit.export)
    });
    store.data_mut().detach();
    outcome(&store, result, fuel, instance_gas, gas)
}

/// An instance that is kept between calls. Its memory survives, so it is for sessions and benches, never for blocks.
pub struct WarmInstance {
    ready: Arc<Ready>,
    store: Store<Guest>,
    instance: Instance,
    usable: bool,
}

impl WarmInstance {
    /// Instantiates with all the fuel that the limits give.
    pub(crate) fn new(ready: Arc<Ready>, limits: EngineLimits) -> Result<Self, EngineError> {
        let mut store = store(ready.pre.engine(), limits).map_err(node)?;
        let instance = instantiate(&mut store, &ready.pre, limits.fuel_per_call).map_err(node)?;
        Ok(Self { ready, store, instance, usable: true })
    }

    /// Runs one call with at most `gas` gas. After a fault the instance is spent, and further calls fault with
    /// [`Fault::Trap`].
    pub fn call(
        &mut self,
        export: Export<'_>,
        is_static: bool,
        host: &mut dyn EngineHost,
        gas: u64,
    ) -> Result<CallOutcome, EngineError> {
        if !self.usable {
            return Ok(halted(Fault::Trap, gas, 0, self.store.data().memory.bytes()));
        }
        let fuel = fuel_of(gas).min(self.store.data().limits.fuel_per_call);
        self.store.data_mut().attach(host, Mode::of(&export, is_static));
        let result = refuel(&mut self.store, fuel)
            .and_then(|()| run(&mut self.store, &self.ready.exports, &self.instance, &export));
        self.store.data_mut().detach();
        self.usable = result.is_ok();
        outcome(&self.store, result, fuel, 0, gas)
    }
}

/// Asks a component what it is: no port, no state, [`DESCRIBE_GAS`].
pub(crate) fn describe(pre: &InstancePre<Guest>, exports: &Exports, sizes: Sizes) -> Result<Description, StageError> {
    let mut store = store(pre.engine(), describe_limits()).map_err(node)?;
    store.set_hostcall_fuel(DESCRIPTION_BYTES);
    let fuel = fuel_of(DESCRIBE_GAS.saturating_sub(sizes.instance_gas(false)));
    store.data_mut().attach(&mut Denies, Mode::STATIC);
    let said = instantiate(&mut store, pre, fuel).and_then(|instance| {
        let said = exports.describe(&mut store, &instance)?;
        settle(&mut store)?;
        Ok(said)
    });
    store.data_mut().detach();
    let said = match said {
        Ok(said) => said,
        Err(error) => return Err(Rejection::Describe(fault_or_node(&error)?).into()),
    };
    for (field, text) in [("name", &said.name), ("version", &said.version)] {
        at_most("bytes of the name or version in the description", text.len() as u64, NAME_BYTES as u64)?;
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(Rejection::BadDescription { field, reason: "empty or with control characters" }.into());
        }
    }
    Ok(Description {
        name: said.name,
        version: said.version,
        state_version: said.state_version,
        abi: said.abi,
        hooks: Hooks { begin_block: said.begin_block, end_block: said.end_block },
    })
}

/// The chain's own maxima: what a component says must not depend on a mount.
const fn describe_limits() -> EngineLimits {
    EngineLimits {
        memory_pages: MAX_MEMORY_PAGES,
        fuel_per_call: fuel_of(DESCRIBE_GAS),
        value_bytes: MAX_VALUE_BYTES as u32,
        subcall_depth: MAX_SUBCALL_DEPTH,
    }
}

/// A store for one instance.
fn store(engine: &wasmtime::Engine, limits: EngineLimits) -> Result<Store<Guest>> {
    let mut store = Store::try_new(engine, Guest::new(limits))?;
    store.set_hostcall_fuel(LIFT_BYTES);
    store.limiter(|guest| &mut guest.memory);
    Ok(store)
}

/// A fresh instance, with `fuel` for its start functions and the call after them.
fn instantiate(store: &mut Store<Guest>, pre: &InstancePre<Guest>, fuel: u64) -> Result<Instance> {
    refuel(store, fuel)?;
    let instance = pre.instantiate(&mut *store)?;
    store.data_mut().memory.running = true;
    Ok(instance)
}

/// Fills the tank.
fn refuel(store: &mut Store<Guest>, fuel: u64) -> Result<()> {
    let fuel = store.data_mut().memory.settle(fuel).map_err(Stop::Fault)?;
    store.set_fuel(fuel)
}

/// Takes what growing memory still owes.
fn settle(store: &mut Store<Guest>) -> Result<()> {
    let fuel = store.get_fuel()?;
    refuel(store, fuel)
}

/// Takes the price of moving `bytes` bytes.
fn charge_bytes(store: &mut Store<Guest>, bytes: usize) -> Result<()> {
    let price = HOST_BYTE_FUEL.saturating_mul(bytes as u64);
    let fuel = store.get_fuel()?.checked_sub(price).ok_or(Stop::Fault(Fault::OutOfFuel))?;
    refuel(store, fuel)
}

/// Calls one export; input and output are charged by the byte.
fn run(store: &mut Store<Guest>, exports: &Exports, instance: &Instance, export: &Export<'_>) -> Result<EngineResult> {
    let input = match *export {
        Export::Init { config } | Export::Configure { config } => config.len(),
        Export::Migrate { cursor, .. } => cursor.len(),
        Export::Call { input, .. } => input.len(),
        Export::BeginBlock { .. } | Export::EndBlock { .. } => 0,
    };
    charge_bytes(store, input)?;
    let result = exports.call(store, instance, export)?;
    let (output, most) = match &result {
        EngineResult::Return(data) | EngineResult::Revert(data) => (data.len(), MAX_OUTPUT_BYTES),
        EngineResult::More(progress) => (progress.cursor.len(), MAX_CURSOR_BYTES),
        EngineResult::Fault(_) => return Ok(result),
    };
    if output > most {
        return Err(Stop::Fault(Fault::OutputTooLong).into());
    }
    charge_bytes(store, output)?;
    Ok(match result {
        // Paid for whole and kept in part: it comes to stand in events, which nobody pays for by the byte.
        EngineResult::Revert(message) if !matches!(export, Export::Call { .. }) => EngineResult::Revert(cut(message)),
        result => result,
    })
}

/// The beginning of a message, in whole characters.
fn cut(mut message: Vec<u8>) -> Vec<u8> {
    let most = std::str::from_utf8(&message).map_or(0, |text| text.floor_char_boundary(MAX_MESSAGE_BYTES));
    message.truncate(most);
    message
}

/// What a finished run comes to.
fn outcome(
    store: &Store<Guest>,
    result: Result<EngineResult>,
    fuel: u64,
    instance_gas: u64,
    gas: u64,
) -> Result<CallOutcome, EngineError> {
    let fuel_used = fuel - store.get_fuel().map_err(node)?.min(fuel);
    let memory_peak_bytes = store.data().memory.bytes();
    match result {
        Ok(result) => {
            Ok(CallOutcome { result, gas_used: instance_gas + gas_of(fuel_used), fuel_used, memory_peak_bytes })
        }
        Err(error) => Ok(halted(fault_or_node(&error)?, gas, fuel_used, memory_peak_bytes)),
    }
}

/// A fault takes all the gas.
fn halted(fault: Fault, gas: u64, fuel_used: u64, memory_peak_bytes: u64) -> CallOutcome {
    CallOutcome { result: EngineResult::Fault(fault), gas_used: gas, fuel_used, memory_peak_bytes }
}

/// The port of `describe`: nothing is there.
struct Denies;

impl EngineHost for Denies {
    fn get(&mut self, _: &[u8], _: &mut GasMeter) -> Result<Option<Vec<u8>>, HostError> {
        Ok(None)
    }

    fn set(&mut self, _: &[u8], _: &[u8], _: &mut GasMeter) -> Result<(), HostError> {
        Err(Fault::StaticWrite.into())
    }

    fn remove(&mut self, _: &[u8], _: &mut GasMeter) -> Result<(), HostError> {
        Err(Fault::StaticWrite.into())
    }

    fn call(&mut self, _: Subcall<'_>, _: &mut GasMeter) -> Result<SubcallResult, HostError> {
        Ok(SubcallResult::TooDeep)
    }

    fn emit(&mut self, _: &[B256], _: &[u8], _: &mut GasMeter) -> Result<(), HostError> {
        Err(Fault::StaticWrite.into())
    }

    fn balance(&mut self, _: Address, _: &mut GasMeter) -> Result<U256, HostError> {
        Ok(U256::ZERO)
    }

    fn log(&mut self, _: LogLevel, _: &str) {}
}
