//! Where components come from.

use caldera_state::StateError;
use caldera_types::{Component, Digest};

/// Components that a chain's earlier blocks brought. Asked only for digests that the registry knows.
pub trait ComponentSource {
    /// The component, if it is there.
    fn component(&self, digest: Digest) -> Result<Option<Component>, StateError>;
}

/// No component at all: for state that mounts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoComponents;

impl ComponentSource for NoComponents {
    fn component(&self, _: Digest) -> Result<Option<Component>, StateError> {
        Ok(None)
    }
}

impl ComponentSource for std::collections::BTreeMap<Digest, Component> {
    fn component(&self, digest: Digest) -> Result<Option<Component>, StateError> {
        Ok(self.get(&digest).cloned())
    }
}
