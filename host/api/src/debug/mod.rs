//! `debug_`: what a chain keeps as it is kept, and what a transaction did step by step.

mod frames;
mod raw;
mod trace;

use jsonrpsee_core::RegisterMethodError;

use crate::module::Module;

/// Adds the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    raw::register(module)?;
    trace::register(module)
}
