//! The thread that makes one run of several, and removes what is left of those.

use alloy_primitives::B256;
use parking_lot::{Condvar, Mutex};
use std::{
    io,
    ops::Range,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    TxIndex,
    run::{Item, Run, settle},
};
use crate::{
    background::{self, Ended, Rest, Stop},
    behind::Behind,
    error::{Blame, StateError},
    store::{Batch, Store, StoreError},
};

/// Pieces that are written or removed at once: some 300 kB.
const PIECES_AT_A_TIME: u32 = 64;
/// How long it waits after the store failed.
const FAILED_PATIENCE: Duration = Duration::from_secs(5);

/// The thread, which ends with this.
pub(crate) struct Merges {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Whether there may be something to do.
    told: Mutex<bool>,
    changed: Condvar,
    stop: Stop,
}

impl Merges {
    pub fn start(store: &Arc<Behind>, index: &Arc<TxIndex>) -> Result<Self, StateError> {
        let shared = Arc::new(Shared { told: Mutex::new(true), ..Shared::default() });
        let merger = Merger { store: store.clone(), index: index.clone(), shared: shared.clone() };
        let spawned = thread::Builder::new().name("tx-index".into()).spawn(move || merger.work());
        let failed = |source: io::Error| StoreError::Io(source);
        Ok(Self { shared, worker: Some(spawned.map_err(failed)?) })
    }

    /// There are other runs than before.
    pub fn look(&self) {
        *self.shared.told.lock() = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Merges {
    fn drop(&mut self) {
        self.shared.stop.stop();
        self.look();
        if let Some(worker) = self.worker.take()
            && worker.join().is_err()
        {
            tracing::error!("the thread that merges the index of transactions panicked: this is a bug");
        }
    }
}

pub(super) struct Merger {
    store: Arc<Behind>,
    index: Arc<TxIndex>,
    shared: Arc<Shared>,
}

impl Merger {
    #[cfg(test)]
    pub fn alone(store: Arc<Behind>, index: Arc<TxIndex>) -> Self {
        Self { store, index, shared: Arc::default() }
    }

    fn work(&self) {
        while self.wait() {
            match self.all() {
                Ok(()) => {}
                Err(Ended::Stopped) => return,
                // The store is marked: the next start rebuilds it. Until then there are more runs to look through.
                Err(Ended::Failed(error)) if error.blame() == Blame::Data => {
                    self.store.condemn(&error.to_string());
                    return tracing::error!(%error, "the index of transactions stays as it is: the store is damaged");
                }
                Err(Ended::Failed(error)) => {
                    tracing::warn!(%error, "the index of transactions stays as it is for now");
                    self.shared.stop.pause(FAILED_PATIENCE);
                    *self.shared.told.lock() = true;
                }
            }
        }
    }

    /// Waits until it is told of something; not to go on is `false`.
    fn wait(&self) -> bool {
        let mut told = self.shared.told.lock();
        while !*told && !self.shared.stop.is_set() {
            self.shared.changed.wait(&mut told);
        }
        *told = false;
        !self.shared.stop.is_set()
    }

    /// Does what is to be done.
    pub fn all(&self) -> Result<(), Ended> {
        loop {
            let _changing = self.index.changing.lock();
            let going = self.index.going.lock().first().cloned();
            match going {
                Some(run) => self.remove(&run)?,
                None => match self.index.due() {
                    Some(range) => self.merge(range)?,
                    None => return Ok(()),
                },
            }
        }
    }

    /// Removes the pieces of a run that does not count, then what is said of it.
    fn remove(&self, run: &Run) -> Result<(), Ended> {
        let (mut batch, mut rest) = (Batch::default(), Rest::default());
        for piece in 0..run.pieces() {
            run.remove_piece(&mut batch, &*self.store, piece)?;
            self.write(&mut batch, piece, &mut rest)?;
        }
        run.remove(&mut batch);
        background::commit(&self.store, batch)?;
        self.index.going.lock().retain(|going| going.id != run.id);
        Ok(())
    }

    /// Makes one run of those in a range.
    fn merge(&self, range: Range<usize>) -> Result<(), Ended> {
        let runs = self.index.runs.read().clone();
        let Some(sources @ [first, .., last]) = runs.get(range.clone()) else { return Ok(()) };
        let items = sources.iter().fold(0u64, |items, run| items.saturating_add(run.items));
        let run = Run::new(self.index.new_id(), first.first..=last.last, items);
        let mut batch = Batch::default();
        // Before its first piece, so that nothing is left of it if this does not come to its end.
        run.put(&mut batch, false);
        background::commit(&self.store, std::mem::take(&mut batch))?;
        let copied = self.copy(&run, sources, &mut batch).and_then(|()| {
            run.put(&mut batch, true);
            sources.iter().for_each(|source| source.put(&mut batch, false));
            background::commit(&self.store, batch)
        });
        if let Err(ended) = copied {
            self.index.going.lock().push(run);
            return Err(ended);
        }
        self.index.going.lock().extend_from_slice(sources);
        // Meanwhile some may have come after them.
        Arc::make_mut(&mut self.index.runs.write()).splice(range, [run]);
        Ok(())
    }

    fn copy(&self, run: &Run, sources: &[Run], batch: &mut Batch) -> Result<(), Ended> {
        let mut sources: Vec<_> = sources.iter().map(|source| Reader { run: source, piece: None }).collect();
        let mut rest = Rest::default();
        for piece in 0..run.pieces() {
            let mut items = Vec::new();
            for source in &mut sources {
                items.extend(source.of(&*self.store, run, piece)?);
            }
            settle(&mut items);
            run.put_piece(batch, piece, &items);
            self.write(batch, piece, &mut rest)?;
        }
        Ok(())
    }

    /// Writes what there is after every so many pieces.
    fn write(&self, batch: &mut Batch, piece: u32, rest: &mut Rest) -> Result<(), Ended> {
        if (piece + 1).is_multiple_of(PIECES_AT_A_TIME) {
            background::commit(&self.store, std::mem::take(batch))?;
            rest.rest(&self.shared.stop)?;
        }
        Ok(())
    }
}

/// Reads a run in order, one of its pieces at a time.
struct Reader<'a> {
    run: &'a Run,
    piece: Option<(u32, Vec<Item>)>,
}

impl Reader<'_> {
    /// What belongs in a piece of a run that has as many pieces or more.
    fn of(&mut self, store: &dyn Store, target: &Run, piece: u32) -> Result<Vec<Item>, StateError> {
        let mut start = B256::ZERO;
        start[..4].copy_from_slice(&(piece.checked_shl(32 - u32::from(target.bits)).unwrap_or(0)).to_be_bytes());
        let own = self.run.piece_of(start);
        if self.piece.as_ref().is_none_or(|(held, _)| *held != own) {
            self.piece = Some((own, self.run.piece(store, own)?));
        }
        let items = self.piece.as_ref().map_or(&[][..], |(_, items)| items);
        let from = items.partition_point(|item| target.piece_of(item.hash) < piece);
        let to = items.partition_point(|item| target.piece_of(item.hash) <= piece);
        Ok(items.get(from..to).unwrap_or_default().to_vec())
    }
}
