//! The imports that an engine may have: one linker for each set of grants, which offers what is granted and nothing else.

mod bls;
mod crypto;
mod evm;
mod log;
mod mpt;
mod state;

use caldera_types::{Grants, Interface};
use wasmtime::{Engine, Result, component::Linker};

use crate::guest::Guest;

/// The full name of the interface without functions, as components import it.
pub(crate) const TYPES: &str = "caldera:engine/types@0.1.0";

/// The full name of an interface, as components import it.
pub(crate) fn import_name(interface: Interface) -> String {
    format!("{}/{}@0.1.0", interface.package(), interface.name())
}

/// Offers exactly what is granted; `types` holds no functions and is always there.
pub(crate) fn linker(engine: &Engine, grants: Grants) -> Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    linker.instance(TYPES)?;
    for interface in Interface::ALL.into_iter().filter(|interface| grants.allows(*interface)) {
        let mut instance = linker.instance(&import_name(interface))?;
        match interface {
            Interface::State => state::link(&mut instance)?,
            Interface::Evm => evm::link(&mut instance)?,
            Interface::Crypto => crypto::link(&mut instance)?,
            Interface::Log => log::link(&mut instance)?,
            Interface::Bls => bls::link(&mut instance)?,
            Interface::Mpt => mpt::link(&mut instance)?,
        }
    }
    Ok(linker)
}
