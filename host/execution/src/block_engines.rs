//! The engines of one block: its mount table, and what must be remembered while it runs.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, map::AddressSet};
use caldera_engine::{EngineError, Engines, StageError};
use caldera_types::{
    Component, Digest, EngineLimits, Fault, Grants, Mount, Phase, Rules, Swap, limits::MAX_SIDECAR_COMPONENTS,
};
use revm::handler::EthPrecompiles;

use crate::{
    Ground, error::ExecutionError, ethereum, evm::SPEC, overrides::Moved, registry, road::OldValues, shadow::Shadow,
    trace::Tracer,
};

/// The engines of one block, and what must be remembered while it runs.
pub(crate) struct BlockEngines<'a> {
    ground: Ground<'a>,
    /// Whether there is a registry: not in the history that another client made.
    pub(crate) has_registry: bool,
    mounts: BTreeMap<Address, Mount>,
    /// Mounts that are not simply active.
    phases: BTreeMap<Address, Phase>,
    /// Calls and counted faults in this block, of mounts on probation.
    tallies: BTreeMap<Address, Tally>,
    /// What the migration that is running overwrote.
    pub(crate) old_values: Option<OldValues>,
    warm_addresses: AddressSet,
    /// Components instantiated in this block: the next instance is cheaper.
    warm: BTreeSet<Digest>,
    /// In a candidate's copy: the mount where it runs, and the component whose warmth is its own there.
    warm_as: Option<(Address, Digest)>,
    /// Components that the block's transactions may stage.
    pub(crate) sidecar: Sidecar<'a>,
    /// How deep engines are nested right now.
    pub(crate) depth: u8,
    /// A candidate that runs beside one of the engines; never when a block is made, committed or replayed.
    pub(crate) shadow: Option<&'a mut Shadow>,
    /// What is told of every step of a question; never when a block is made, committed or replayed.
    pub(crate) tracer: Option<Box<Tracer>>,
    /// Precompiles that a question moved.
    pub(crate) moved: Moved,
    fault: Option<Fault>,
    failure: Option<ExecutionError>,
}

/// What a mount does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It runs them.
    Runs,
    /// It answers reads from the state as it was at this height, and refuses writes: its state is being rewritten.
    ReadsAsAt(u64),
    /// It refuses all.
    Frozen,
}

impl Standing {
    pub(crate) fn runs(self) -> bool {
        self == Self::Runs
    }
}

/// What one mount's engine did in a block.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) calls: u64,
    pub(crate) faults: u64,
}

/// The components that came with a block or with the pool's transactions, and those of them that were asked for.
#[derive(Clone, Default)]
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
    /// Reads the mount table from the parent's state. In a block of another client there are none.
    pub(crate) fn load(ground: Ground<'a>, rules: &Rules) -> Result<Self, ExecutionError> {
        let spec = rules.ethereum().map_or(SPEC, |env| ethereum::spec_id(env.fork));
        let mut engines = Self {
            ground,
            has_registry: rules.ethereum().is_none(),
            mounts: BTreeMap::new(),
            phases: BTreeMap::new(),
            tallies: BTreeMap::new(),
            old_values: None,
            warm_addresses: EthPrecompiles::new(spec).warm_addresses().clone(),
            warm: BTreeSet::new(),
            warm_as: None,
            sidecar: Sidecar::default(),
            depth: 0,
            shadow: None,
            tracer: None,
            moved: Moved::default(),
            fault: None,
            failure: None,
        };
        if !engines.has_registry {
            return Ok(engines);
        }
        engines.warm_addresses.insert(registry::ADDRESS);
        for mount in registry::mounts(ground.view)? {
            engines.put(mount);
        }
        engines.phases.extend(registry::swaps(ground.view)?.into_iter().map(|Swap { mount, phase }| (mount, phase)));
        Ok(engines)
    }

    /// The same engines on `ground`, with `candidate` in the place of what runs at its address. There it is as warm as that
    /// is, and warms it; what either does at other mounts costs what it would without the candidate.
    pub(crate) fn copy_with<'b>(&'b self, ground: Ground<'b>, candidate: Mount) -> BlockEngines<'b> {
        let mut copy = BlockEngines {
            ground,
            has_registry: self.has_registry,
            mounts: self.mounts.clone(),
            phases: self.phases.clone(),
            tallies: BTreeMap::new(),
            old_values: None,
            warm_addresses: self.warm_addresses.clone(),
            warm: self.warm.clone(),
            warm_as: self.mounts.get(&candidate.address).map(|active| (active.address, active.digest)),
            sidecar: self.sidecar.clone(),
            depth: self.depth,
            shadow: None,
            tracer: None,
            moved: Moved::default(),
            fault: None,
            failure: None,
        };
        copy.put(candidate);
        copy
    }

    /// Tells the shadow, if there is one, what is mounted in this block.
    pub(crate) fn tell_shadow(&mut self) {
        if let Some(shadow) = &mut self.shadow {
            shadow.meets(self.mounts.get(&shadow.plan().mount));
        }
    }

    /// What the block stands on.
    pub(crate) fn ground(&self) -> Ground<'a> {
        self.ground
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

    /// Takes a mount out of a question's table.
    pub(crate) fn unmount(&mut self, address: Address) {
        self.mounts.remove(&address);
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

    /// Where a mount stands, unless it is simply active.
    pub(crate) fn phase(&self, address: Address) -> Option<&Phase> {
        self.phases.get(&address)
    }

    /// What a mount does with calls.
    pub(crate) fn standing(&self, address: Address) -> Standing {
        match self.phase(address) {
            None | Some(Phase::Probation(_)) => Standing::Runs,
            Some(Phase::Migrating(migration)) if migration.frozen.is_none() => Standing::ReadsAsAt(migration.since),
            Some(Phase::RollingBack(back)) if back.frozen.is_none() => Standing::ReadsAsAt(back.since),
            Some(_) => Standing::Frozen,
        }
    }

    pub(crate) fn phases(&self) -> impl Iterator<Item = (Address, &Phase)> {
        self.phases.iter().map(|(address, phase)| (*address, phase))
    }

    /// Changes where a mount stands; only the road does, before the first transaction.
    pub(crate) fn set_phase(&mut self, address: Address, phase: Option<Phase>) {
        match phase {
            Some(phase) => drop(self.phases.insert(address, phase)),
            None => drop(self.phases.remove(&address)),
        }
    }

    /// Counts a call of an engine on probation. `by_chain` is the chain's own call of a hook, where every fault counts.
    pub(crate) fn tally(&mut self, address: Address, fault: Option<Fault>, by_chain: bool) {
        if let Some(Phase::Probation(_)) = self.phase(address) {
            let tally = self.tallies.entry(address).or_default();
            tally.calls += 1;
            tally.faults += u64::from(fault.is_some_and(|fault| by_chain || fault.counts_in_probation()));
        }
    }

    pub(crate) fn take_tallies(&mut self) -> BTreeMap<Address, Tally> {
        std::mem::take(&mut self.tallies)
    }

    pub(crate) fn runtime(&self) -> &'a Engines {
        self.ground.engines
    }

    pub(crate) fn begin_transaction(&mut self) {
        self.fault = None;
        self.depth = 0;
    }

    /// Whether a mount's component was instantiated in this block before; from now on it was.
    pub(crate) fn is_warm(&mut self, mount: &Mount) -> bool {
        let digest = match self.warm_as {
            Some((address, digest)) if address == mount.address => digest,
            _ => mount.digest,
        };
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
