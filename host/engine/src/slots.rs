//! Where instances live: slots for small components and for all others.
//!
//! After each call the memory of its slot is as new again, and there are two ways. Linux can say which pages were written
//! (PAGEMAP_SCAN, 6.7 and later), and only those are cleared, however large the memory is; or all of it is cleared in place.
//! With a memory of at most [`SMALL_PAGES`] the second way made a fresh call 1.2 µs quicker on one server processor, and 1.1 µs
//! slower on another. So this machine is asked once; if the second is quicker here, small components have slots of their own
//! that are cleared in place. It is the same code with the same result.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use wasmtime::{Engine, Instance, Module, Store, component::Component};

use crate::{
    config::{self, EngineOptions, SMALL_PAGES},
    engines::node,
    error::EngineError,
};

/// `(module (memory (export "") 2))`: as large as small components are at most.
const MEMORY: [u8; 19] = [0, b'a', b's', b'm', 1, 0, 0, 0, 5, 3, 1, 0, SMALL_PAGES as u8, 7, 4, 1, 0, 2, 0];
/// Where a call writes at least: its stack, its arena and its data.
const WRITTEN: [usize; 4] = [0, 28 << 10, 36 << 10, 100 << 10];
/// Instances made each way.
const TRIES: u32 = 100;

/// The slots of small components, if they have their own.
pub(crate) struct SmallSlots(Option<Engine>);

impl SmallSlots {
    /// As many as there are of the others, which `engine` has.
    pub(crate) fn new(engine: &Engine, options: EngineOptions) -> Result<Self, EngineError> {
        static IN_PLACE: OnceLock<bool> = OnceLock::new();
        if IN_PLACE.get() == Some(&false) {
            return Ok(Self(None));
        }
        let small = config::small_engine(options)?;
        let in_place = match IN_PLACE.get() {
            Some(known) => *known,
            None => {
                let quicker = instance_time(&small).map_err(node)? < instance_time(engine).map_err(node)?;
                *IN_PLACE.get_or_init(|| quicker)
            }
        };
        Ok(Self(in_place.then_some(small)))
    }

    /// The same component, to be instantiated in the slots that suit it.
    pub(crate) fn place(&self, code: &Component) -> Result<Component, EngineError> {
        let pages = code.resources_required().and_then(|needs| needs.max_initial_memory_size).unwrap_or(0);
        let Some(small) = self.0.as_ref().filter(|_| pages <= SMALL_PAGES as u64) else { return Ok(code.clone()) };
        if Engine::same(code.engine(), small) {
            return Ok(code.clone());
        }
        let bytes = code.serialize().map_err(node)?;
        // SAFETY: the bytes are what wasmtime itself made of compiled code one line above.
        unsafe { Component::deserialize(small, bytes) }.map_err(node)
    }
}

/// The least that an instance takes with a memory that is written to, from its making to its end: what is more is noise.
fn instance_time(engine: &Engine) -> wasmtime::Result<Duration> {
    let module = Module::new(engine, MEMORY)?;
    let mut least = Duration::MAX;
    for _ in 0..TRIES {
        let began = Instant::now();
        let mut store = Store::try_new(engine, ())?;
        let instance = Instance::new(&mut store, &module, &[])?;
        if let Some(memory) = instance.get_memory(&mut store, "") {
            WRITTEN.iter().try_for_each(|place| memory.write(&mut store, *place, &[1]))?;
        }
        drop(store);
        least = least.min(began.elapsed());
    }
    Ok(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_are_measured_on_a_memory_that_is_as_large_as_small_ones_are() {
        let options = EngineOptions::for_threads(1);
        for engine in [config::engine(options).unwrap(), config::small_engine(options).unwrap()] {
            let module = Module::new(&engine, MEMORY).unwrap();
            let memory = module.exports().find_map(|export| export.ty().memory().cloned()).unwrap();
            assert_eq!(memory.minimum(), SMALL_PAGES as u64);
            assert!(WRITTEN.iter().all(|place| *place < SMALL_PAGES * config::PAGE_BYTES));
            assert!(instance_time(&engine).unwrap() > Duration::ZERO);
        }
    }
}
