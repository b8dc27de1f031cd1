//! Where the roots of states lie, by the blocks that they are of.

use alloy_primitives::B256;

use crate::{
    error::StateError,
    keys,
    place::{NodeRef, Place},
    store::{Batch, Store},
};

/// Puts the root of a block's state into `batch`.
pub(crate) fn put(batch: &mut Batch, number: u64, root: NodeRef) {
    batch.put(keys::root(number), [root.place.to_bytes().as_slice(), root.hash.as_slice()].concat());
}

/// The root of a block's state.
pub(crate) fn get(store: &dyn Store, number: u64) -> Result<Option<NodeRef>, StateError> {
    let Some(bytes) = store.get(&keys::root(number))? else { return Ok(None) };
    let read = || {
        let (place, hash) = bytes.split_at_checked(Place::BYTES)?;
        Some(NodeRef { place: Place::from_bytes(place)?, hash: B256::try_from(hash).ok()? })
    };
    read().map(Some).ok_or(StateError::Damaged { what: "state root" })
}

/// The root of the state of a block in the store, which has it.
pub(crate) fn must_get(store: &dyn Store, number: u64) -> Result<NodeRef, StateError> {
    get(store, number)?.ok_or(StateError::Damaged { what: "state root" })
}
