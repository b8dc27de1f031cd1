//! What a store holds beside the instance: the port for the time of a call, and the call's limits.

use std::ptr::NonNull;

use caldera_types::{EngineLimits, Fault};

use crate::{call::Export, memory::Memory, port::EngineHost};

/// What a call may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    /// The engine's own state and the chain's logs are read-only.
    pub(crate) is_static: bool,
    /// Calls that the engine makes are static, and must carry no value.
    pub(crate) calls_are_static: bool,
}

impl Mode {
    /// Nothing.
    pub(crate) const STATIC: Self = Self { is_static: true, calls_are_static: true };

    /// A migration writes its own state alone: others may be in the middle of theirs.
    pub(crate) fn of(export: &Export<'_>, is_static: bool) -> Self {
        Self { is_static, calls_are_static: is_static || matches!(export, Export::Migrate { .. }) }
    }
}

/// Data of one store.
pub(crate) struct Guest {
    port: Option<NonNull<dyn EngineHost>>,
    /// What the mount allows.
    pub(crate) limits: EngineLimits,
    /// What the call may change.
    pub(crate) mode: Mode,
    /// What the instance holds and owes.
    pub(crate) memory: Memory,
    /// Diagnostic messages so far.
    pub(crate) messages: u32,
}

impl Guest {
    /// For one instance under `limits`, without a port yet.
    pub(crate) fn new(limits: EngineLimits) -> Self {
        Self { port: None, limits, mode: Mode::STATIC, memory: Memory::new(limits.memory_pages), messages: 0 }
    }

    /// Lends the port until [`Self::detach`].
    ///
    /// A store's data must be `'static`, and the port borrows a journal; so the lifetime is erased here. Whoever
    /// attaches must detach before the borrow of `host` ends; only [`crate::run`] does either.
    pub(crate) fn attach(&mut self, host: &mut dyn EngineHost, mode: Mode) {
        let port: NonNull<dyn EngineHost + '_> = NonNull::from(host);
        // SAFETY: the two types differ in the trait object's lifetime alone, and a pointer is only used in `with_port`.
        let port = unsafe { std::mem::transmute::<NonNull<dyn EngineHost + '_>, NonNull<dyn EngineHost>>(port) };
        self.port = Some(port);
        self.mode = mode;
    }

    /// Forgets the port.
    pub(crate) fn detach(&mut self) {
        self.port = None;
    }

    /// Runs `act` on the port; faults when none is attached, which no guest can bring about.
    pub(crate) fn with_port<R>(&self, act: impl FnOnce(&mut dyn EngineHost) -> R) -> Result<R, Fault> {
        let mut port = self.port.ok_or(Fault::Trap)?;
        // SAFETY: `attach` took it from a `&mut` that its caller holds until `detach`, during which the guest's thread is
        // inside that caller; so it lives, and nobody else uses it. `act` cannot reach this store (it is given the port
        // alone, and a nested call of an engine has its own store), so there is no second reference while it runs.
        Ok(act(unsafe { port.as_mut() }))
    }

    /// Faults in a static call.
    pub(crate) fn must_be_writable(&self) -> Result<(), Fault> {
        if self.mode.is_static { Err(Fault::StaticWrite) } else { Ok(()) }
    }

    /// Faults where the engine may not send value.
    pub(crate) fn must_be_payer(&self) -> Result<(), Fault> {
        if self.mode.calls_are_static { Err(Fault::StaticWrite) } else { Ok(()) }
    }
}
