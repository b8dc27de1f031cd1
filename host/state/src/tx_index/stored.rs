//! What of the index is in the store.

use super::run::{DAMAGED, Run};
use crate::{error::StateError, store::Store};

/// What a store has of it.
pub(super) struct Stored {
    /// Those that count, oldest first.
    pub runs: Vec<Run>,
    pub going: Vec<Run>,
    /// The first block that is in none.
    pub next: u64,
    /// What no run is called.
    pub free_id: u64,
}

impl Stored {
    /// Reads it; the runs that count must follow each other from block `first` on.
    pub fn read(store: &dyn Store, first: u64) -> Result<Self, StateError> {
        let all = Run::all(store)?;
        let free_id = all.last().map_or(Some(0), |(run, _)| run.id.checked_add(1));
        let free_id = free_id.filter(|id| *id < u64::MAX).ok_or(DAMAGED)?;
        let (runs, going): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, counts)| *counts);
        let bare = |runs: Vec<(Run, bool)>| runs.into_iter().map(|(run, _)| run).collect::<Vec<_>>();
        let (mut runs, going) = (bare(runs), bare(going));
        // One that took others' place has a newer id than what came after those.
        runs.sort_by_key(|run| run.first);
        let next = runs.iter().try_fold(first, |next, run| {
            let follows = run.first == next && run.last >= run.first && run.last < u64::MAX;
            follows.then(|| run.last + 1).ok_or(DAMAGED)
        })?;
        Ok(Self { runs, going, next, free_id })
    }
}

/// Whether a store's runs are those of a chain from `first` to `head`. Their pieces are not read.
pub(crate) fn check(store: &dyn Store, first: u64, head: u64) -> Result<(), StateError> {
    if Stored::read(store, first)?.next <= head.saturating_add(1) { Ok(()) } else { Err(DAMAGED) }
}
