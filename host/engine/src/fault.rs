//! From wasmtime's errors to names.

use caldera_types::Fault;
use wasmtime::{Error, PoolConcurrencyLimitError, Trap};

use crate::port::HostError;

/// What this crate itself stops a guest with, carried through wasmtime.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// The guest's fault.
    #[error("{0}")]
    Fault(Fault),
    /// This node's fault.
    #[error("{0}")]
    Fatal(String),
}

impl From<HostError> for Stop {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Fault(fault) => Self::Fault(fault),
            HostError::Fatal(text) => Self::Fatal(text),
        }
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What wasmtime says when a guest moves more than a store's `hostcall_fuel` at once; it has no code for it.
const TOO_LONG: &str = "fuel allocated for hostcalls has been exhausted";

/// Whose fault an error of a running guest is, and its name.
///
/// wasmtime has codes for traps, a type for a full pool, and bare text for what the component model's rules forbid, such
/// as a list outside the memory or a string that is not UTF-8.
pub(crate) fn stop_of(error: &Error) -> Stop {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        stop.clone()
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        Stop::Fault(fault_of(*trap))
    } else if error.is::<PoolConcurrencyLimitError>() || error.is::<std::io::Error>() {
        Stop::Fatal(format!("{error:#}"))
    } else if error.to_string().contains(TOO_LONG) {
        Stop::Fault(Fault::OutputTooLong)
    } else {
        Stop::Fault(Fault::BadAbi)
    }
}

/// The name of a trap.
fn fault_of(trap: Trap) -> Fault {
    match trap {
        Trap::OutOfFuel => Fault::OutOfFuel,
        Trap::UnreachableCodeReached => Fault::Unreachable,
        Trap::MemoryOutOfBounds => Fault::MemoryOutOfBounds,
        Trap::StackOverflow => Fault::StackOverflow,
        Trap::TableOutOfBounds | Trap::IndirectCallToNull | Trap::BadSignature => Fault::Table,
        Trap::IntegerOverflow | Trap::IntegerDivisionByZero | Trap::BadConversionToInteger => Fault::Arithmetic,
        Trap::CannotEnterComponent
        | Trap::CannotLeaveComponent
        | Trap::InvalidChar
        | Trap::StringOutOfBounds
        | Trap::ListOutOfBounds
        | Trap::InvalidDiscriminant
        | Trap::UnalignedPointer => Fault::BadAbi,
        _ => Fault::Trap,
    }
}
