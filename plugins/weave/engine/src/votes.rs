//! Votes: the weight of an owner at a proposal's snapshot.
//!
//! A snapshot names a height of each origin. A unit counts if it was issued at or before that height, and was proven at or
//! after it: so it was there, unchanged, at the snapshot. Whatever is issued, renewed or moved later has a later `issued`
//! and does not count; what was moved before cannot be proven after. A unit names one destination, and at one height of its
//! origin there is one version of it: so no second chain counts it for a proposal with the same snapshot. A list of used
//! units kept here could not give that, because a chain does not see what others counted.

use caldera_sdk::prelude::*;
use weave_rules::{
    MAX_PINNED,
    abi::Weave as abi,
    unit::{self, Kind},
};

use crate::{Weave, store::Snapshot, units::bare};

/// A chain id and a height.
const PIN_BYTES: usize = 16;

impl Weave {
    /// Fixes what counts for a proposal: of each origin the newest height that is certified here, of this chain the block before.
    pub(crate) fn pin_snapshot(&mut self, env: &CallEnv, proposal: B256, origins: &[u64]) -> Result<(), Revert> {
        let place = (env.caller, proposal);
        ensure!(self.store.snapshots.find(&place).is_none(), abi::AlreadyPinned { proposal });
        ensure!(origins.len() <= MAX_PINNED, abi::TooMany { most: MAX_PINNED as u64 });
        let mut pins: Vec<(u64, u64)> = Vec::with_capacity(origins.len());
        for chain_id in origins {
            let height = match *chain_id == env.block.chain_id {
                true => env.block.number.saturating_sub(1),
                false => self.store.thawed(*chain_id)?.latest,
            };
            // Twice would count twice.
            if pins.iter().all(|(pinned, _)| pinned != chain_id) {
                pins.push((*chain_id, height));
            }
        }
        let heights = pins.iter().flat_map(|(chain, height)| [chain.to_be_bytes(), height.to_be_bytes()]).flatten();
        let snapshot = Snapshot { heights: heights.collect(), at: env.block.timestamp_s };
        self.store.snapshots.set(&place, &snapshot);
        let (origins, heights) = pins.into_iter().unzip();
        emit(&abi::SnapshotPinned { pinner: env.caller, proposal, origins, heights });
        Ok(())
    }

    pub(crate) fn snapshot_of(&self, pinner: Address, proposal: B256) -> Result<(Vec<u64>, Vec<u64>, u64), Revert> {
        let snapshot = self.store.snapshots.find(&(pinner, proposal)).ok_or(abi::NotPinned { pinner, proposal })?;
        let (origins, heights) = pins(&snapshot).unzip();
        Ok((origins, heights, snapshot.at))
    }

    /// The weight of an owner's permissions under a local key at a snapshot.
    pub(crate) fn votes(
        &self,
        env: &CallEnv,
        pinner: Address,
        proposal: B256,
        owner: Address,
        key: B256,
    ) -> Result<U256, Revert> {
        let snapshot = self.store.snapshots.find(&(pinner, proposal)).ok_or(abi::NotPinned { pinner, proposal })?;
        let sources = self.store.sources_of(Kind::Permission.code(), key);
        let mut votes = U256::ZERO;
        for (origin, height) in pins(&snapshot) {
            if origin != env.block.chain_id && self.store.origin(origin)?.frozen {
                continue;
            }
            for (_, source) in sources.iter().filter(|(from, _)| *from == origin) {
                let weight = self.weight(env, (origin, height, snapshot.at), owner, *source);
                votes = votes.saturating_add(weight);
            }
        }
        Ok(votes)
    }

    /// The weight of one unit at a snapshot: origin, its height, and when it was pinned.
    fn weight(&self, env: &CallEnv, (origin, height, at): (u64, u64, u64), owner: Address, key: B256) -> U256 {
        let kind = Kind::Permission.code();
        let here = env.block.chain_id;
        let (destination, issued, expiry, value) = if origin == here {
            match self.issued(unit::id(&bare(env, (kind, owner, key)))) {
                Ok(unit) => (unit.destination, unit.issued, unit.expiry, unit.value),
                Err(_) => return U256::ZERO,
            }
        } else {
            match self.store.rights.find(&(origin, kind, owner, key)) {
                Some(right) if right.proven >= height => (right.destination, right.issued, right.expiry, right.value),
                _ => return U256::ZERO,
            }
        };
        let counts = destination == here && issued <= height && (expiry == 0 || expiry > at);
        if counts { value } else { U256::ZERO }
    }
}

/// Origins and their heights.
fn pins(snapshot: &Snapshot) -> impl Iterator<Item = (u64, u64)> + '_ {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    snapshot.heights.chunks_exact(PIN_BYTES).map(move |pin| (number(&pin[..8]), number(&pin[8..])))
}
