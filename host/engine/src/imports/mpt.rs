//! `caldera:verify/mpt`: proofs in Merkle Patricia tries. Pure: the port is not asked.

use alloy_primitives::B256;
use caldera_types::{
    Fault,
    limits::MAX_KEY_BYTES,
    metering::{MPT_GAS, MPT_WORD_GAS, fuel_of},
};
use wasmtime::{
    Result, StoreContextMut,
    component::{LinkerInstance, WasmList},
};

use crate::{
    bindings::caldera::{engine::types::Word, verify::mpt::Failure},
    border::Border,
    guest::Guest,
    mpt::{self, ProofError},
};

type Found = Result<Option<Vec<u8>>, Failure>;

/// Offers the interface.
pub(crate) fn link(instance: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    instance.func_wrap("get", |store, (root, key, nodes)| Ok((get(store, root, key, nodes)?,)))
}

fn get(store: StoreContextMut<'_, Guest>, root: Word, key: WasmList<u8>, nodes: WasmList<u8>) -> Result<Found> {
    let mut border = Border::enter(store, key.len().saturating_add(nodes.len()))?;
    let words = nodes.len().div_ceil(32) as u64;
    // Taken before anything is read: a proof that fails costs what one that holds does.
    border.charge(fuel_of(MPT_GAS.saturating_add(MPT_WORD_GAS.saturating_mul(words))))?;
    let key = border.bytes(&key, MAX_KEY_BYTES, Fault::KeyTooLong)?;
    let nodes = border.bytes(&nodes, usize::MAX, Fault::BadLength)?;
    let found = mpt::get(B256::from(root), key, nodes).map(|value| value.map(<[u8]>::to_vec)).map_err(Failure::from);
    let bytes = found.as_ref().ok().and_then(|value| value.as_ref()).map_or(0, |value| value.len());
    border.leave(0, bytes)?;
    Ok(found)
}

impl From<ProofError> for Failure {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::Malformed => Self::Malformed,
            ProofError::WrongNode => Self::WrongNode,
            ProofError::MissingNode => Self::MissingNode,
            ProofError::SurplusNode => Self::SurplusNode,
        }
    }
}
