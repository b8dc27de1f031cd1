//! From what an operator names to what can run in the shadow.

use alloy_primitives::{Address, Bytes};
use caldera_engine::Engines;
use caldera_execution::{
    registry,
    shadow::{Plan, Shadow, ShadowLimits},
};
use caldera_state::{ChainState, StateView};
use caldera_types::{Component, Digest, EngineLimits, Generation, Grants};

use super::error::ShadowError;

/// What is to be tried.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// At which mount.
    pub mount: Address,
    /// Which component.
    pub code: CandidateCode,
    /// What it may import [default: as staged, else as the mount].
    pub grants: Option<Grants>,
    /// What it may use [default: as staged, else as the mount].
    pub limits: Option<EngineLimits>,
    /// A new configuration; none keeps the mount's.
    pub config: Option<Bytes>,
}

/// Where a candidate's bytes come from.
#[derive(Clone, Debug)]
pub enum CandidateCode {
    /// Staged on the chain.
    Staged(Digest),
    /// Given; the chain need not know it.
    Given(Component),
}

impl CandidateCode {
    fn digest(&self) -> Digest {
        match self {
            Self::Staged(digest) => *digest,
            Self::Given(component) => component.digest(),
        }
    }
}

impl Candidate {
    /// Checks and compiles the candidate and puts it in the shadow of what is mounted in `view`. Compiling takes its time.
    pub(super) fn shadow(
        &self,
        state: &ChainState,
        view: &dyn StateView,
        engines: &Engines,
        limits: ShadowLimits,
    ) -> Result<Shadow, ShadowError> {
        let digest = self.code.digest();
        let mounted = registry::mounts(view)?.into_iter().find(|mount| mount.address == self.mount);
        let active = mounted.ok_or(ShadowError::NotMounted(self.mount))?;
        let staged = registry::staged(view)?.into_iter().find(|staged| staged.digest == digest);
        let component = match &self.code {
            CandidateCode::Given(component) => component.clone(),
            CandidateCode::Staged(_) => state.component(digest)?.ok_or(ShadowError::NotStaged(digest))?,
        };
        let grants = self.grants.or(staged.as_ref().map(|staged| staged.grants)).unwrap_or(active.grants);
        let engine_limits = self.limits.or(staged.map(|staged| staged.limits)).unwrap_or(active.limits);
        let described =
            engines.stage(&component, grants, &engine_limits).map_err(|error| ShadowError::staging(digest, error))?;
        let target = Generation {
            digest,
            grants,
            limits: engine_limits,
            state_version: described.state_version,
            hooks: described.hooks,
            config: self.config.clone().unwrap_or_else(|| active.config.clone()),
        };
        Ok(Shadow::new(Plan { mount: self.mount, component, target }, active, limits))
    }
}
