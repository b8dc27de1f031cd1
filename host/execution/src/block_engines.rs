//! The engines of one block: its mount table, and what must be remembered while it runs.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, map::AddressSet};
use caldera_engine::{EngineError, Engines, StageError};
use caldera_types::{Component, Digest, EngineLimits, Fault, Grants, Mount, limits::MAX_SIDECAR_COMPONENTS};
use revm::handler::EthPrecompiles;

use crate::{Ground, error::ExecutionError, evm::SPEC, registry};

/// The engines of one block, and what must be remembered while it runs.
pub(crate) struct BlockEngines<'a> {
    ground: Ground<'a>,
    mounts: BTreeMap<Address, Mount>,
    warm_addresses: AddressSet,
    /// Components instantiated in this block: the next instance is cheaper.
    warm: BTreeSet<Digest>,
    /// Components that the block's transactions may stage.
    pub(crate) sidecar: Sidecar<'a>,
    /// How deep engines are nested right now.
    pub(crate) depth: u8,
    fault: Option<Fault>,
    failure: Option<ExecutionError>,
}

/// The components that came with a block or with the pool's transactions, and those of them that were asked for.
#[derive(Default)]
pub(crate) struct Sidecar<'a> {
    pub(crate) offered: BTreeMap<Digest, &'a Component>,
    pub(crate) taken: Vec<Digest>,
}

impl<'a> Sidecar<'a> {
    /// The component if it came along and the block may still take it.
    pub(crate) fn take(&mut self, digest: Digest) -> Option<&'a Component> {
        let component = *self.offered.get(&digest)?;
        if !self.taken.contains(&digest) {
            if self.taken.len() == MAX_SIDECAR_COMPONENTS {
                return None;
            }
            self.taken.push(digest);
        }
        Some(component)
    }
}

impl<'a> BlockEngines<'a> {
    /// Reads the mount table from the parent's state.
    pub(crate) fn load(ground: Ground<'a>) -> Result<Self, ExecutionError> {
        let mut engines = Self {
            ground,
            mounts: BTreeMap::new(),
            warm_addresses: EthPrecompiles::new(SPEC).warm_addresses().clone(),
            warm: BTreeSet::new(),
            sidecar: Sidecar::default(),
            depth: 0,
            fault: None,
            failure: None,
        };
        engines.warm_addresses.insert(registry::ADDRESS);
        for mount in registry::mounts(ground.view)? {
            engines.put(mount);
        }
        Ok(engines)
    }

    /// A component that an earlier block brought.
    pub(crate) fn stored_component(&self, digest: Digest) -> Result<Component, ExecutionError> {
        self.ground.components.component(digest)?.ok_or(ExecutionError::MissingComponent(digest))
    }

    /// Adds or replaces a mount; only activation does, before the first transaction.
    pub(crate) fn put(&mut self, mount: Mount) {
        self.warm_addresses.insert(mount.address);
        self.mounts.insert(mount.address, mount);
    }

    /// Precompiles, registry and mounts: warm in every transaction.
    pub(crate) fn warm_addresses(&self) -> &AddressSet {
        &self.warm_addresses
    }

    pub(crate) fn mounts(&self) -> impl Iterator<Item = &Mount> {
        self.mounts.values()
    }

    pub(crate) fn mount(&self, address: Address) -> Option<&Mount> {
        self.mounts.get(&address)
    }

    pub(crate) fn runtime(&self) -> &'a Engines {
        self.ground.engines
    }

    pub(crate) fn begin_transaction(&mut self) {
        self.fault = None;
        self.depth = 0;
    }

    /// Whether this component was instantiated in this block before; from now on it was.
    pub(crate) fn is_warm(&mut self, digest: Digest) -> bool {
        !self.warm.insert(digest)
    }

    /// Remembers a fault. Outer calls end after inner ones, so the last fault is the outermost.
    pub(crate) fn note_fault(&mut self, fault: Fault) {
        self.fault = Some(fault);
    }

    /// The fault of the outermost engine call of the transaction that had one.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Remembers this node's own failure while revm unwinds: it only passes text.
    pub(crate) fn fail(&mut self, failure: ExecutionError) -> String {
        let text = failure.to_string();
        self.failure.get_or_insert(failure);
        text
    }

    pub(crate) fn take_failure(&mut self) -> Option<ExecutionError> {
        self.failure.take()
    }

    /// Makes sure that a component known to the chain is compiled here.
    pub(crate) fn ensure_ready(
        &self,
        digest: Digest,
        grants: Grants,
        limits: &EngineLimits,
    ) -> Result<(), ExecutionError> {
        if self.ground.engines.is_ready(digest, grants) {
            return Ok(());
        }
        let component = self.stored_component(digest)?;
        match self.ground.engines.stage(&component, grants, limits) {
            Ok(_) => Ok(()),
            Err(StageError::Node(error)) => Err(error.into()),
            Err(StageError::Rejected(why)) => Err(ExecutionError::Engine(EngineError::Node(format!(
                "component {digest} was accepted when staged and is now rejected: {why}"
            )))),
        }
    }
}
