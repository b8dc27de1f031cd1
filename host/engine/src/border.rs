//! The border between guest and host: what a host call costs, and how its arguments are read where they lie.
//!
//! Order, the same for each host call: the fuel that the guest has left is read; the base price, the bytes of the
//! arguments and what growing memory still owes are taken from it; arguments are judged; the port acts on a
//! [`GasMeter`] that holds the whole gas of the rest; the bytes of the answer are taken; what is left is written back.
//! A call that fails anywhere takes all the gas anyway, so nothing is written back then.

use caldera_types::{
    Fault,
    metering::{FUEL_PER_GAS, HOST_BYTE_FUEL, HOST_CALL_GAS, fuel_of},
};
use wasmtime::{Result, StoreContextMut, component::WasmList};

use crate::{
    fault::Stop,
    guest::Guest,
    port::{EngineHost, GasMeter, HostError},
};

/// One host call under way.
pub(crate) struct Border<'a> {
    store: StoreContextMut<'a, Guest>,
    fuel: u64,
}

impl<'a> Border<'a> {
    /// Enters the host with arguments of `bytes` bytes.
    pub(crate) fn enter(mut store: StoreContextMut<'a, Guest>, bytes: usize) -> Result<Self> {
        let fuel = store.get_fuel()?;
        let fuel = store.data_mut().memory.settle(fuel).map_err(Stop::Fault)?;
        let mut border = Self { store, fuel };
        border.charge(fuel_of(HOST_CALL_GAS))?;
        border.charge_bytes(bytes)?;
        Ok(border)
    }

    /// Takes `fuel`.
    pub(crate) fn charge(&mut self, fuel: u64) -> Result<()> {
        self.fuel = self.fuel.checked_sub(fuel).ok_or(Stop::Fault(Fault::OutOfFuel))?;
        Ok(())
    }

    /// Takes the price of moving `bytes` bytes.
    pub(crate) fn charge_bytes(&mut self, bytes: usize) -> Result<()> {
        self.charge(HOST_BYTE_FUEL.saturating_mul(bytes as u64))
    }

    /// The call's limits and mode.
    pub(crate) fn guest(&self) -> &Guest {
        self.store.data()
    }

    /// Faults in a static call.
    pub(crate) fn must_be_writable(&self) -> Result<()> {
        Ok(self.guest().must_be_writable().map_err(Stop::Fault)?)
    }

    /// Faults where the engine may not send value.
    pub(crate) fn must_be_payer(&self) -> Result<()> {
        Ok(self.guest().must_be_payer().map_err(Stop::Fault)?)
    }

    /// The bytes of a list, where they lie in the guest's memory; `fault` when there are more than `most`.
    pub(crate) fn bytes(&self, list: &WasmList<u8>, most: usize, fault: Fault) -> Result<&[u8]> {
        if list.len() > most {
            return Err(Stop::Fault(fault).into());
        }
        Ok(list.as_le_slice(&self.store))
    }

    /// A list of exactly `N` bytes.
    pub(crate) fn exactly<const N: usize>(&self, list: &WasmList<u8>) -> Result<[u8; N]> {
        let bytes = self.bytes(list, N, Fault::BadLength)?;
        Ok(bytes.try_into().map_err(|_| Stop::Fault(Fault::BadLength))?)
    }

    /// The store, to read lists of records and strings.
    pub(crate) fn store(&mut self) -> &mut StoreContextMut<'a, Guest> {
        &mut self.store
    }

    /// Lets the port act on the gas that is left; gives its answer and the gas it charged.
    ///
    /// Takes `&self`, so that arguments can still lie in the guest's memory.
    pub(crate) fn act<R>(
        &self,
        act: impl FnOnce(&mut dyn EngineHost, &mut GasMeter) -> Result<R, HostError>,
    ) -> Result<(R, u64)> {
        let mut meter = GasMeter::new(self.fuel / FUEL_PER_GAS);
        let answer = self.guest().with_port(|host| act(host, &mut meter)).map_err(Stop::Fault)?.map_err(Stop::from)?;
        Ok((answer, meter.used()))
    }

    /// Goes back to the guest: takes `gas` that the port charged and the price of `bytes` bytes of answer.
    pub(crate) fn leave(mut self, gas: u64, bytes: usize) -> Result<()> {
        self.charge(fuel_of(gas))?;
        self.charge_bytes(bytes)?;
        let fuel = self.store.data_mut().memory.settle(self.fuel).map_err(Stop::Fault)?;
        self.store.set_fuel(fuel)
    }
}
