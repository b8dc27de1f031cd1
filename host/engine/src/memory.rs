//! Memory and tables of one instance: the mount's limit, and the price of growing.
//!
//! Growing over the mount's limit is a fault by name, not a `-1`: a guest must not be able to tell two nodes apart, and
//! a Rust guest would panic on `-1` anyway. Within the limit, growing over the maximum that the guest itself declared is
//! `-1`, as WebAssembly says.
//!
//! wasmtime asks here without the store at hand, so the price is owed until the next host call or the end of the call
//! ([`Memory::settle`]). A guest can never owe more than the fuel it had when it last settled.

use caldera_types::{Fault, metering};
use wasmtime::{ResourceLimiter, Result};

use crate::{config::PAGE_BYTES, fault::Stop};

/// What an instance holds, in bytes, and owes, in fuel.
#[derive(Debug)]
pub(crate) struct Memory {
    bytes: usize,
    most_bytes: usize,
    owed: u64,
    credit: u64,
    /// Set once the instance stands: initial memory is in its price.
    pub(crate) running: bool,
    /// wasmtime was told that it may grow; a failure after that is this node's.
    granted: bool,
}

impl Memory {
    /// For an instance that may have `pages` pages in all its memories.
    pub(crate) fn new(pages: u32) -> Self {
        Self { bytes: 0, most_bytes: pages as usize * PAGE_BYTES, owed: 0, credit: 0, running: false, granted: false }
    }

    /// Memory held, in bytes; memory never shrinks, so this is its peak.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// Takes what is owed from `fuel`, or faults when that is too little.
    pub(crate) fn settle(&mut self, fuel: u64) -> Result<u64, Fault> {
        let rest = fuel.checked_sub(std::mem::take(&mut self.owed)).ok_or(Fault::OutOfFuel)?;
        self.credit = rest;
        Ok(rest)
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        self.granted = false;
        let more = desired.saturating_sub(current);
        let bytes = self.bytes.saturating_add(more);
        if bytes > self.most_bytes {
            return Err(Stop::Fault(Fault::MemoryLimit).into());
        }
        if maximum.is_some_and(|most| desired > most) {
            return Ok(false);
        }
        if self.running {
            let price = metering::fuel_of(metering::GROW_PAGE_GAS).saturating_mul((more / PAGE_BYTES) as u64);
            self.owed = self.owed.saturating_add(price);
            if self.owed > self.credit {
                return Err(Stop::Fault(Fault::OutOfFuel).into());
            }
        }
        self.bytes = bytes;
        self.granted = true;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> Result<()> {
        Err(match self.granted {
            true => Stop::Fatal(format!("memory did not grow: {error:#}")),
            // More than any memory can have: never asked above.
            false => Stop::Fault(Fault::MemoryLimit),
        }
        .into())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if desired > crate::checks::limits::TABLE_ELEMENTS as usize {
            return Err(Stop::Fault(Fault::Table).into());
        }
        Ok(maximum.is_none_or(|most| desired <= most))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> Result<()> {
        Err(Stop::Fatal(format!("table did not grow: {error:#}")).into())
    }
}
