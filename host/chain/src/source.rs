//! The block log as the place where components come from.

use caldera_execution::ComponentSource;
use caldera_state::{ChainState, StateError};
use caldera_types::{Component, Digest};

/// Components that earlier blocks of a chain brought.
pub(crate) struct LoggedComponents<'a>(pub(crate) &'a ChainState);

impl ComponentSource for LoggedComponents<'_> {
    fn component(&self, digest: Digest) -> Result<Option<Component>, StateError> {
        self.0.component(digest)
    }
}
