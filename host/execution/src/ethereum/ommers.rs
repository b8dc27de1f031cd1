//! Uncles: whose child each may be, and that none is paid twice.

use std::collections::{BTreeMap, BTreeSet};

use alloy_consensus::{Header, proofs};
use alloy_primitives::B256;
use caldera_types::SealedBlock;

use super::{
    Place,
    error::{EthereumError, bound, same},
    header,
};

/// Most uncles of one block.
const MOST: usize = 2;
/// Generations back to an uncle's parent.
const GENERATIONS: u64 = 7;

/// Checks the uncles of a block.
pub(super) fn check(place: Place<'_>, block: &SealedBlock) -> Result<(), EthereumError> {
    let number = block.header.number;
    let ommers = block.ethereum.as_ref().map_or(&[][..], |body| &body.ommers);
    same(number, "ommers hash", &block.header.ommers_hash, &proofs::calculate_ommers_root(ommers))?;
    bound(number, "number of uncles", ommers.len() <= MOST, ommers.len(), || format!("{MOST} at most"))?;
    if ommers.is_empty() {
        return Ok(());
    }
    let family = Family::of(place, number)?;
    let mut taken = family.ommers;
    for ommer in ommers {
        let hash = ommer.hash_slow();
        let invalid = |what| EthereumError::Invalid { number, why: format!("its uncle {hash} {what}") };
        if family.ancestors.contains_key(&hash) {
            return Err(invalid("is an ancestor"));
        }
        if !taken.insert(hash) {
            return Err(invalid("was paid before"));
        }
        let parent = family.ancestors.get(&ommer.parent_hash).filter(|_| ommer.parent_hash != block.header.parent_hash);
        let parent = parent.ok_or_else(|| invalid("is no child of the seven generations before the parent"))?;
        header::check(place.genesis, ommer, parent, false).map_err(|wrong| EthereumError::Invalid {
            number,
            why: format!("its uncle {hash} is not valid: {wrong}"),
        })?;
    }
    Ok(())
}

struct Family {
    ancestors: BTreeMap<B256, Header>,
    ommers: BTreeSet<B256>,
}

impl Family {
    fn of(place: Place<'_>, number: u64) -> Result<Self, EthereumError> {
        let mut family = Self { ancestors: BTreeMap::new(), ommers: BTreeSet::new() };
        for height in (number.saturating_sub(GENERATIONS)..number).rev() {
            let node = |error| EthereumError::Node { number, error: crate::ExecutionError::State(error) };
            let Some(block) = place.ancestors.block(height).map_err(node)? else { break };
            let ommers = block.ethereum.iter().flat_map(|body| &body.ommers);
            family.ommers.extend(ommers.map(Header::hash_slow));
            family.ancestors.insert(block.hash(), block.header.clone());
        }
        Ok(family)
    }
}
