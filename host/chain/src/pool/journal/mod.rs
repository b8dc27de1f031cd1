//! What was accepted survives a restart, `kill -9`, and a power cut if the journal is durable.
//!
//! A transaction is in the journal before its sender is answered. A thread of its own writes what has come together since its
//! last write, and syncs it at once: so one slow disk serves one sender at its own pace, and many at many times that. Where
//! many send, it waits a moment for more: a sync takes as much of a processor as some signatures.
//!
//! The journal is a file of a *generation* beside the block log, in which each record follows the one before. It says what
//! came, in the order in which the pool took it in, not what went: what a block has is found out by its nonce when the file is
//! read, and of what has the same nonce of the same sender the last is what counts. Once it has grown to twice what
//! waited when it was begun, the next generation is begun: what comes is appended to that, and what waits is copied
//! into it bit by bit between the writes, so that nobody waits for it. Older generations are removed when that is on disk.
//! After a failed write, too, the next generation is begun, since nobody can say what is on the disk of the old one; as
//! long as that cannot be made, transactions are refused by name, and it is tried again with the next one.

mod batch;
mod error;
mod reader;
mod record;
mod writer;

use std::{
    path::Path,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

pub(crate) use batch::Batch;
pub use error::JournalError;
pub(crate) use reader::Reader;
pub(crate) use record::Record;
use writer::Writer;

use super::{PooledTx, displaced, waiting::Pool};

/// Hands over at a time from which on many send at once,
const MANY: usize = 4;
/// and how long it then waits for more.
const GATHER: Duration = Duration::from_millis(1);
/// Before copying is tried again after it failed.
const PATIENCE: Duration = Duration::from_secs(1);

/// A chain's journal, open for writing.
pub(crate) struct Journal {
    shared: Arc<Shared>,
    flusher: Option<JoinHandle<()>>,
}

struct Shared {
    open: Mutex<Open>,
    work: Condvar,
}

/// What was not written yet.
#[derive(Default)]
struct Open {
    bytes: Vec<u8>,
    /// Whose records those are.
    came: Vec<Arc<PooledTx>>,
    batch: Arc<Batch>,
    /// How many times somebody handed records over.
    times: usize,
    /// The batch is settled once what does not wait in the pool any more is forgotten.
    forget: bool,
    stop: bool,
}

impl Journal {
    /// Begins a generation in a chain's folder, into which what waits in the pool is copied. The caller has read what older
    /// ones hold and holds the folder's lock.
    pub(crate) fn begin(dir: &Path, pool: Arc<Mutex<Pool>>, durable: bool) -> Result<Self, JournalError> {
        Self::of(Writer::begin(dir, durable)?, dir, pool)
    }

    fn of(writer: Writer, dir: &Path, pool: Arc<Mutex<Pool>>) -> Result<Self, JournalError> {
        let shared = Arc::new(Shared { open: Mutex::default(), work: Condvar::new() });
        let flusher = {
            let shared = shared.clone();
            let work = move || flush(&shared, writer, &pool);
            std::thread::Builder::new().name("pool-journal".into()).spawn(work)
        };
        let flusher = flusher.map_err(|source| JournalError::io("start the writer of", dir, source))?;
        Ok(Self { shared, flusher: Some(flusher) })
    }

    /// Adds framed records; the batch tells when they are written, which begins when they are [handed over](Self::hand_over). Who
    /// adds holds the pool's lock since it took them in, so that they are here in the same order. If they cannot be written,
    /// the pool is told before the batch is.
    pub(crate) fn add<'a>(&self, records: impl Iterator<Item = (&'a Arc<PooledTx>, &'a [u8])>) -> Arc<Batch> {
        let mut open = self.shared.open.lock();
        for (tx, record) in records {
            open.bytes.extend_from_slice(record);
            open.came.push(tx.clone());
        }
        open.batch.clone()
    }

    /// Has what was added written.
    pub(crate) fn hand_over(&self) {
        self.shared.open.lock().times += 1;
        self.shared.work.notify_one();
    }

    /// Returns once nothing is in the journal but what waits in the pool: on a development chain, blocks are taken back that
    /// had what the journal has, and the next start must not take it in again.
    pub(crate) fn forget(&self) -> Result<(), Arc<JournalError>> {
        let batch = {
            let mut open = self.shared.open.lock();
            open.forget = true;
            open.batch.clone()
        };
        self.shared.work.notify_one();
        batch.wait()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.open.lock().stop = true;
        self.shared.work.notify_one();
        if let Some(flusher) = self.flusher.take()
            && flusher.join().is_err()
        {
            tracing::error!("the writer of a pool journal panicked: this is a bug");
        }
    }
}

/// Writes what comes until it is told to stop, and copies in between.
fn flush(shared: &Shared, mut writer: Writer, pool: &Mutex<Pool>) {
    let mut again: Option<Instant> = None;
    let mut gather = false;
    loop {
        // Asleep, so that nobody who hands over has to wake it.
        if std::mem::take(&mut gather) {
            std::thread::sleep(GATHER);
        }
        let (bytes, came, batch, forget) = {
            let mut open = shared.open.lock();
            let idle = open.bytes.is_empty() && !open.stop && !open.forget;
            match again {
                Some(at) if idle => drop(shared.work.wait_until(&mut open, at)),
                None if idle && !writer.has_to_copy() => shared.work.wait(&mut open),
                _ => {}
            }
            if open.bytes.is_empty() && open.stop {
                return;
            }
            gather = std::mem::take(&mut open.times) >= MANY;
            let forget = std::mem::take(&mut open.forget);
            let (bytes, came) = (std::mem::take(&mut open.bytes), std::mem::take(&mut open.came));
            (bytes, came, std::mem::take(&mut open.batch), forget)
        };
        if bytes.is_empty() && !forget {
            // Nobody has a batch without a record.
            drop(batch);
        } else {
            let written = if bytes.is_empty() { Ok(()) } else { writer.write(&bytes) };
            displaced::settle(&mut pool.lock(), &came, written.is_ok());
            let written = written.and_then(|()| if forget { writer.forget(pool) } else { Ok(()) });
            if let Err(error) = &written {
                tracing::error!(%error, "the pool's journal is not written: transactions are refused until it is");
            }
            batch.settle(written);
        }
        if again.is_none_or(|at| Instant::now() >= at) {
            again = writer.tidy(pool).err().map(|error| {
                tracing::error!(%error, "the pool's journal is not copied: it is tried again");
                Instant::now() + PATIENCE
            });
        }
    }
}

#[cfg(test)]
mod tests;
