//! Who compiles what right now, so that two who want one component wait for one compilation, and how it ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use caldera_types::Digest;
use parking_lot::{Condvar, Mutex};

use crate::error::{EngineError, Rejection, StageError};

/// How many components without code are remembered.
const MAX_ENDED: usize = 256;

/// Compilations under way and those that gave no code.
pub(crate) struct Jobs<T>(Mutex<Table<T>>);

struct Table<T> {
    running: BTreeMap<Digest, Arc<Flight<T>>>,
    queued: BTreeSet<Digest>,
    /// With a number that says when.
    ended: BTreeMap<Digest, (u64, Ended)>,
    next: u64,
}

/// A compilation that gave no code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The component's fault, for ever.
    Refused(Rejection),
    /// This node's, this time.
    Failed(String),
}

/// One compilation that others may wait for.
pub(crate) struct Flight<T> {
    result: Mutex<Option<Result<T, StageError>>>,
    landed: Condvar,
}

impl<T: Clone> Flight<T> {
    /// Waits for its end.
    pub(crate) fn wait(&self) -> Result<T, StageError> {
        let mut result = self.result.lock();
        loop {
            match &*result {
                Some(result) => return result.clone(),
                None => self.landed.wait(&mut result),
            }
        }
    }
}

/// Whose turn it is.
pub(crate) enum Turn<'a, T> {
    /// The caller's: it compiles and ends the job.
    Mine(Job<'a, T>),
    /// Another's.
    Theirs(Arc<Flight<T>>),
}

/// The right and duty to compile one component.
pub(crate) struct Job<'a, T> {
    jobs: &'a Jobs<T>,
    digest: Digest,
    flight: Arc<Flight<T>>,
}

impl<T> Default for Jobs<T> {
    fn default() -> Self {
        let table = Table { running: BTreeMap::new(), queued: BTreeSet::new(), ended: BTreeMap::new(), next: 0 };
        Self(Mutex::new(table))
    }
}

impl<T> Jobs<T> {
    /// Begins a compilation, or finds the one under way.
    pub(crate) fn begin(&self, digest: Digest) -> Turn<'_, T> {
        let mut table = self.0.lock();
        if let Some(flight) = table.running.get(&digest) {
            return Turn::Theirs(flight.clone());
        }
        let flight = Arc::new(Flight { result: Mutex::new(None), landed: Condvar::new() });
        table.running.insert(digest, flight.clone());
        Turn::Mine(Job { jobs: self, digest, flight })
    }

    /// Notes that a component waits for its turn; false if it does already.
    pub(crate) fn queue(&self, digest: Digest) -> bool {
        self.0.lock().queued.insert(digest)
    }

    /// Notes that a component waits no more.
    pub(crate) fn unqueue(&self, digest: Digest) {
        self.0.lock().queued.remove(&digest);
    }

    /// Whether it is being compiled or waits for that.
    pub(crate) fn is_busy(&self, digest: Digest) -> bool {
        let table = self.0.lock();
        table.running.contains_key(&digest) || table.queued.contains(&digest)
    }

    /// How the last compilation ended that gave no code.
    pub(crate) fn ended(&self, digest: Digest) -> Option<Ended> {
        self.0.lock().ended.get(&digest).map(|(_, ended)| ended.clone())
    }

    /// Remembers an end, and forgets the oldest of too many.
    pub(crate) fn note(&self, digest: Digest, ended: Option<Ended>) {
        let mut table = self.0.lock();
        let Some(ended) = ended else {
            table.ended.remove(&digest);
            return;
        };
        table.next += 1;
        let now = table.next;
        table.ended.insert(digest, (now, ended));
        if table.ended.len() > MAX_ENDED
            && let Some(oldest) = table.ended.iter().min_by_key(|(_, (when, _))| *when).map(|(digest, _)| *digest)
        {
            table.ended.remove(&oldest);
        }
    }
}

impl<T: Clone> Job<'_, T> {
    /// Says how it ended, to all who wait.
    pub(crate) fn end(self, result: Result<T, StageError>) -> Result<T, StageError> {
        self.jobs.note(
            self.digest,
            match &result {
                Ok(_) => None,
                Err(StageError::Rejected(why)) => Some(Ended::Refused(why.clone())),
                Err(StageError::Node(why)) => Some(Ended::Failed(why.to_string())),
            },
        );
        *self.flight.result.lock() = Some(result.clone());
        result
    }
}

impl<T> Drop for Job<'_, T> {
    /// Nobody waits for ever, not even for a compiler that panicked.
    fn drop(&mut self) {
        let why = || EngineError::Node(format!("compiling {} panicked, which is a bug", self.digest));
        self.flight.result.lock().get_or_insert_with(|| Err(why().into()));
        self.jobs.0.lock().running.remove(&self.digest);
        self.flight.landed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u32) -> Digest {
        Digest::of(&n.to_be_bytes())
    }

    #[test]
    fn one_compiles_and_all_get_it() {
        let jobs = Jobs::<u8>::default();
        let Turn::Mine(job) = jobs.begin(digest(1)) else { panic!("it is nobody's yet") };
        std::thread::scope(|scope| {
            let waiters: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| match jobs.begin(digest(1)) {
                        Turn::Theirs(flight) => flight.wait(),
                        Turn::Mine(_) => panic!("it is another's"),
                    })
                })
                .collect();
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(jobs.is_busy(digest(1)));
            job.end(Ok(7)).unwrap();
            assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap() == Ok(7)));
        });
        assert!(!jobs.is_busy(digest(1)));
    }

    #[test]
    fn a_panic_leaves_nobody_waiting() {
        let jobs = Jobs::<u8>::default();
        let Turn::Mine(job) = jobs.begin(digest(1)) else { panic!("it is nobody's yet") };
        let Turn::Theirs(flight) = jobs.begin(digest(1)) else { panic!("it is another's") };
        drop(job);
        assert!(flight.wait().unwrap_err().to_string().contains("panicked"));
        assert!(matches!(jobs.begin(digest(1)), Turn::Mine(_)));
    }

    #[test]
    fn only_the_newest_ends_are_remembered() {
        let jobs = Jobs::<u8>::default();
        let note = |n| jobs.note(digest(n), Some(Ended::Failed(n.to_string())));
        (0..2 * MAX_ENDED as u32).for_each(note);
        assert_eq!(jobs.ended(digest(0)), None);
        assert!(jobs.ended(digest(2 * MAX_ENDED as u32 - 1)).is_some());
        assert_eq!(jobs.0.lock().ended.len(), MAX_ENDED);
    }
}
