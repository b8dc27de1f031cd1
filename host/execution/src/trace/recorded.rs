//! An engine's host with a record of what was asked of it.

use alloy_primitives::{Address, B256, Bytes, U256};
use caldera_engine::{EngineHost, GasMeter, HostError, LogLevel, Subcall, SubcallResult};

use super::HostCall;

/// Host calls that one frame keeps: a transaction could pay for hundreds of thousands.
pub(super) const MAX_HOST_CALLS: usize = 4_096;

/// Passes everything on, and remembers it.
pub(crate) struct Recorded<'h> {
    host: &'h mut dyn EngineHost,
    calls: Vec<HostCall>,
    left_out: u64,
}

impl<'h> Recorded<'h> {
    pub(crate) fn new(host: &'h mut dyn EngineHost) -> Self {
        Self { host, calls: Vec::new(), left_out: 0 }
    }

    /// What was asked, and how many calls were not kept.
    pub(crate) fn into_calls(self) -> (Vec<HostCall>, u64) {
        (self.calls, self.left_out)
    }

    /// Makes a call and keeps what it took.
    fn keep<T>(
        &mut self,
        told: HostCall,
        gas: &mut GasMeter,
        make: impl FnOnce(&mut dyn EngineHost, &mut GasMeter) -> Result<T, HostError>,
        outcome: impl FnOnce(&T) -> Option<String>,
    ) -> Result<T, HostError> {
        let before = gas.used();
        let made = make(self.host, gas);
        if self.calls.len() == MAX_HOST_CALLS {
            self.left_out += 1;
            return made;
        }
        let outcome = match &made {
            Ok(value) => outcome(value),
            Err(HostError::Fault(fault)) => Some(fault.name().to_owned()),
            Err(HostError::Fatal(_)) => None,
        };
        self.calls.push(HostCall { gas: gas.used().saturating_sub(before), outcome, ..told });
        made
    }
}

/// A call of which nothing is known yet but its name.
fn named(name: &'static str) -> HostCall {
    HostCall { name, gas: 0, key: None, to: None, bytes: None, outcome: None }
}

fn of_key(name: &'static str, key: &[u8]) -> HostCall {
    HostCall { key: Some(Bytes::copy_from_slice(key)), ..named(name) }
}

fn ended(result: &SubcallResult) -> Option<String> {
    match result {
        SubcallResult::Return(_) => None,
        SubcallResult::Revert(_) => Some("revert".into()),
        SubcallResult::Halt(reason) => Some(reason.clone()),
        SubcallResult::TooDeep => Some("too-deep".into()),
        SubcallResult::InsufficientBalance => Some("insufficient-balance".into()),
    }
}

impl EngineHost for Recorded<'_> {
    fn get(&mut self, key: &[u8], gas: &mut GasMeter) -> Result<Option<Vec<u8>>, HostError> {
        let told = of_key("state.get", key);
        let found = self.keep(told, gas, |host, gas| host.get(key, gas), |_| None)?;
        if let (Some(last), Some(value)) = (self.calls.last_mut(), &found) {
            last.bytes = Some(value.len());
        }
        Ok(found)
    }

    fn set(&mut self, key: &[u8], value: &[u8], gas: &mut GasMeter) -> Result<(), HostError> {
        let told = HostCall { bytes: Some(value.len()), ..of_key("state.set", key) };
        self.keep(told, gas, |host, gas| host.set(key, value, gas), |()| None)
    }

    fn remove(&mut self, key: &[u8], gas: &mut GasMeter) -> Result<(), HostError> {
        self.keep(of_key("state.remove", key), gas, |host, gas| host.remove(key, gas), |()| None)
    }

    fn call(&mut self, call: Subcall<'_>, gas: &mut GasMeter) -> Result<SubcallResult, HostError> {
        let name = if call.is_static { "evm.static-call" } else { "evm.call" };
        let told = HostCall { to: Some(call.to), bytes: Some(call.input.len()), ..named(name) };
        self.keep(told, gas, |host, gas| host.call(call, gas), ended)
    }

    fn emit(&mut self, topics: &[B256], data: &[u8], gas: &mut GasMeter) -> Result<(), HostError> {
        let told = HostCall { bytes: Some(data.len()), ..named("evm.emit") };
        self.keep(told, gas, |host, gas| host.emit(topics, data, gas), |()| None)
    }

    fn balance(&mut self, of: Address, gas: &mut GasMeter) -> Result<U256, HostError> {
        let told = HostCall { to: Some(of), ..named("evm.balance") };
        self.keep(told, gas, |host, gas| host.balance(of, gas), |_| None)
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        self.host.log(level, message);
    }
}
