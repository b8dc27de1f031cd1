//! A store that is written behind its caller: a batch counts at once for every reader, and reaches the disk later.
//!
//! The block log is on disk before a batch comes here, so what is lost with this process is executed again. What waits is
//! kept in memory until the store says that it is on disk: a store that fails (a full disk is the usual reason) loses
//! nothing, it is opened again and gets the same batches once more. Until then nothing more is taken in, with an error
//! that says so. A full disk may also be met by who reads; then the store is opened again just so, before the next batch. Who commits faster than the store writes waits for it, so that memory is bounded.

mod queue;

#[cfg(test)]
pub(crate) mod tests;

use alloy_primitives::{Bytes, map::HashMap};
use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};
use std::{
    collections::BTreeMap,
    io,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    thread::{self, JoinHandle},
};

use crate::store::{Batch, Entries, Key, Store, StoreError};
use queue::{Failure, Next, Queue, Work};

/// Where the store comes from, for when it failed: databases take nothing more after an error of the file system, even if
/// that passes.
pub(crate) trait Source: Send + Sync {
    /// Whether the file system takes writes again. Asked while the failed store can still be read.
    fn is_usable(&self) -> Result<(), StoreError>;

    /// Opens the store again.
    fn open(&self) -> Result<Arc<dyn Store>, StoreError>;
}

/// The layer over a store.
pub(crate) struct Behind {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
}

struct Shared {
    /// None while it is opened again.
    inner: RwLock<Option<Arc<dyn Store>>>,
    source: Box<dyn Source>,
    /// The last word on each key that waits. Its order decides nothing.
    overlay: RwLock<HashMap<Key, Waiting>>,
    queue: Mutex<Queue>,
    /// Told of every change of the queue.
    changed: Condvar,
    /// Most bytes that wait.
    most: usize,
}

/// A value that waits, or none for a key that goes.
struct Waiting {
    batch: u64,
    value: Option<Bytes>,
}

impl Behind {
    /// The layer over `inner`, in which at most about `most` bytes wait; with 0 every batch is on disk before its commit
    /// returns.
    pub fn new(inner: Arc<dyn Store>, source: Box<dyn Source>, most: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            inner: RwLock::new(Some(inner)),
            source,
            overlay: RwLock::default(),
            queue: Mutex::default(),
            changed: Condvar::new(),
            most,
        });
        let worker = shared.clone();
        let worker = thread::Builder::new().name("store".into()).spawn(move || worker.work())?;
        Ok(Self { shared, worker: Some(worker) })
    }

    /// Returns once there is room for a batch. A store that failed is tried again first.
    pub fn ready(&self) -> Result<(), StoreError> {
        self.shared.wait_until(self.tried_again(), |queue| queue.bytes <= self.shared.most)
    }

    /// Tries a store that failed again, and says whether it still does.
    pub fn try_again(&self) -> Result<(), StoreError> {
        self.shared.wait_until(self.tried_again(), |_| true)
    }

    fn tried_again(&self) -> MutexGuard<'_, Queue> {
        let mut queue = self.shared.queue.lock();
        if queue.failure.is_some() {
            queue.retry = true;
            self.shared.changed.notify_all();
            while queue.retry {
                self.shared.changed.wait(&mut queue);
            }
        }
        queue
    }

    /// Why nothing is taken in now, if so.
    pub fn failure(&self) -> Option<StoreError> {
        self.shared.failure()
    }

    /// Commits without waiting for the disk. After an error the batch is not taken in.
    pub fn queue(&self, batch: Batch) -> Result<(), StoreError> {
        batch.check()?;
        let shared = &self.shared;
        // A store that failed since `ready` changes nothing: the batch's block is in the log, so it has to be seen.
        let mut queue = shared.queue.lock();
        let number = queue.next_number();
        let mut overlay = shared.overlay.write();
        for (key, value) in batch.writes() {
            overlay.insert(key.clone(), Waiting { batch: number, value: value.cloned() });
        }
        drop(overlay);
        queue.push(batch);
        shared.changed.notify_all();
        Ok(())
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.shared.queue.lock().stop = true;
        self.shared.changed.notify_all();
        if let Some(worker) = self.worker.take()
            && worker.join().is_err()
        {
            tracing::error!("the thread that writes the store panicked: this is a bug");
        }
    }
}

impl Store for Behind {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        if let Some(waiting) = self.shared.overlay.read().get(key) {
            return Ok(waiting.value.clone());
        }
        let found = self.shared.inner()?.get(key);
        found.inspect_err(|error| self.shared.met(error))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.queue(batch)?;
        if self.shared.most == 0 { self.flush() } else { Ok(()) }
    }

    /// Collected, because the store below may be opened again meanwhile.
    fn scan<'a>(&'a self, prefix: &[u8]) -> Entries<'a> {
        let overlay = self.shared.overlay.read();
        let waiting = overlay.iter().filter(|(key, _)| key.starts_with(prefix));
        let waiting: Vec<_> = waiting.map(|(key, waiting)| (key.to_vec(), waiting.value.clone())).collect();
        drop(overlay);
        let inner = match self.shared.inner() {
            Ok(inner) => inner,
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        let stored: Result<BTreeMap<_, _>, _> =
            inner.scan(prefix).map(|entry| entry.map(|(key, value)| (key, Some(value)))).collect();
        match stored {
            Ok(mut all) => {
                all.extend(waiting);
                Box::new(all.into_iter().filter_map(|(key, value)| Some(Ok((key, value?)))))
            }
            Err(error) => {
                self.shared.met(&error);
                Box::new(std::iter::once(Err(error)))
            }
        }
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.shared.flush(self.shared.queue.lock())
    }

    fn condemn(&self, why: &str) {
        self.shared.condemn(why);
    }
}

impl Shared {
    fn inner(&self) -> Result<Arc<dyn Store>, StoreError> {
        let inner = self.inner.read().clone();
        // There is none after it could not be opened again; whoever asks whether it is ready has that tried once more.
        inner.ok_or_else(|| self.failure().unwrap_or_else(|| StoreError::Stalled("it is being opened again".into())))
    }

    fn failure(&self) -> Option<StoreError> {
        self.queue.lock().failure.as_ref().map(Failure::error)
    }

    /// Notes what a reader met. A database that has once met a full disk may give that error to everybody until it is opened
    /// again, and perhaps nothing waits to be written, which would meet it too.
    fn met(&self, error: &StoreError) {
        if !error.may_pass() {
            return;
        }
        let mut queue = self.queue.lock();
        if queue.failure.is_none() {
            tracing::error!(%error, "the store failed when it was read: nothing more is taken in");
            queue.fail(error);
            drop(queue);
            self.changed.notify_all();
        }
    }

    fn condemn(&self, why: &str) {
        if let Ok(inner) = self.inner() {
            inner.condemn(why);
        }
    }

    fn flush(&self, mut queue: MutexGuard<'_, Queue>) -> Result<(), StoreError> {
        queue.hurry = true;
        self.changed.notify_all();
        self.wait_until(queue, |queue| queue.batches.is_empty())
    }

    fn wait_until(&self, mut queue: MutexGuard<'_, Queue>, done: impl Fn(&Queue) -> bool) -> Result<(), StoreError> {
        loop {
            if let Some(failure) = &queue.failure {
                return Err(failure.error());
            }
            if done(&queue) {
                return Ok(());
            }
            self.changed.wait(&mut queue);
        }
    }

    /// The worker's life.
    fn work(&self) {
        loop {
            let work = self.next_work();
            if matches!(work, Work::Stop) {
                return;
            }
            // A database that meets damage may panic; who waits for this thread must hear of it.
            let done = panic::catch_unwind(AssertUnwindSafe(|| match &work {
                Work::Write(batch, _) => self.inner()?.commit(batch.clone()),
                Work::Flush => self.inner()?.flush(),
                Work::Reopen => self.open_again(),
                Work::Stop => Ok(()),
            }));
            let done = done.unwrap_or_else(|_| {
                let why = "writing it panicked";
                self.condemn(why);
                Err(StoreError::Corrupt(why.into()))
            });
            let mut queue = self.queue.lock();
            match (work, done) {
                (Work::Write(_, count), Ok(())) => queue.took(count),
                (Work::Flush, Ok(())) => {
                    self.forget_taken(queue);
                    continue;
                }
                (Work::Reopen, Ok(())) => {
                    tracing::warn!(batches = queue.batches.len(), "the store takes writes again");
                    queue.begin_again();
                }
                (_, Err(error)) => {
                    tracing::error!(%error, batches = queue.batches.len(), "the store failed: nothing more is taken in");
                    queue.fail(&error);
                }
                (Work::Stop, Ok(())) => {}
            }
            drop(queue);
            self.changed.notify_all();
        }
    }

    fn next_work(&self) -> Work {
        let mut queue = self.queue.lock();
        loop {
            match queue.next(self.most) {
                Next::Work(work) => return work,
                Next::Wait(None) => self.changed.wait(&mut queue),
                Next::Wait(Some(time)) => drop(self.changed.wait_for(&mut queue, time)),
            }
        }
    }

    /// What the store has taken is on disk.
    fn forget_taken(&self, mut queue: MutexGuard<'_, Queue>) {
        let first = queue.first;
        let batches = queue.forget_taken();
        drop(queue);
        self.changed.notify_all();
        // They may be many, and nobody is to wait for all of them. What is read here meanwhile is in the store too.
        for (number, batch) in (first..).zip(batches) {
            let mut overlay = self.overlay.write();
            for (key, _) in batch.writes() {
                if overlay.get(&**key).is_some_and(|waiting| waiting.batch == number) {
                    overlay.remove(&**key);
                }
            }
        }
    }

    /// Opens the store again; it gets everything that waits once more, in order (see `Queue::write`).
    fn open_again(&self) -> Result<(), StoreError> {
        self.source.is_usable()?;
        let mut inner = self.inner.write();
        // Closed first: it holds its folder.
        *inner = None;
        *inner = Some(self.source.open()?);
        Ok(())
    }
}
