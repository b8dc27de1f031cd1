//! Where instances live: slots for small components and for all others.
//!
//! After each call the memory of its slot is as new again, and there are two ways. Linux can say which pages were written
//! (PAGEMAP_SCAN, 6.7 and later), and only those are cleared: about 1.6 µs however large the memory is, most of it to walk
//! the page tables. Clearing all of it in place takes about 0.4 µs for each 64 KiB page. So components that begin with at
//! most [`SMALL_PAGES`] have slots of their own, which are cleared in place. It is the same code with the same result.

use wasmtime::{Engine, component::Component};

use crate::{
    config::{self, EngineOptions, SMALL_PAGES},
    engines::node,
    error::EngineError,
};

/// The slots of small components.
pub(crate) struct SmallSlots(Engine);

impl SmallSlots {
    /// As many as there are of the others.
    pub(crate) fn new(options: EngineOptions) -> Result<Self, EngineError> {
        Ok(Self(config::small_engine(options)?))
    }

    /// The same component, to be instantiated in the slots that suit it.
    pub(crate) fn place(&self, code: &Component) -> Result<Component, EngineError> {
        let pages = code.resources_required().and_then(|needs| needs.max_initial_memory_size).unwrap_or(0);
        if pages > SMALL_PAGES as u64 || Engine::same(code.engine(), &self.0) {
            return Ok(code.clone());
        }
        let bytes = code.serialize().map_err(node)?;
        // SAFETY: the bytes are what wasmtime itself made of compiled code one line above.
        unsafe { Component::deserialize(&self.0, bytes) }.map_err(node)
    }
}
