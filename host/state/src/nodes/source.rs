//! Where nodes come from.

use alloy_primitives::Bytes;
use std::sync::Arc;

use super::pack;
use crate::{error::StateError, place::NodeRef, store::Store};

/// Where nodes come from.
pub(crate) trait NodeSource: Send + Sync {
    /// A node as it is stored: its own bytes, and where those below it lie.
    fn node(&self, node: NodeRef) -> Result<Option<Bytes>, StateError>;

    /// Whether it finds nodes by what they hash to, so that nothing has to be hashed again, and nothing lies anywhere.
    fn is_by_hash(&self) -> bool {
        false
    }

    /// Notes that what it holds is not to be trusted.
    fn condemn(&self, _why: &str) {}
}

/// The nodes of a store.
pub(super) struct InStore(pub Arc<dyn Store>);

impl NodeSource for InStore {
    fn node(&self, node: NodeRef) -> Result<Option<Bytes>, StateError> {
        Ok(self.0.get(&pack::key(node.place))?.and_then(|entry| pack::node(node.place, entry)))
    }

    fn condemn(&self, why: &str) {
        self.0.condemn(why);
    }
}
