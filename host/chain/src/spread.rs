//! Long work on many items, on the processors that have nothing to do.

use std::{
    num::NonZeroUsize,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, available_parallelism},
};

/// Items that a thread is started for at least: starting it takes about as long as recovering six signatures.
const AT_LEAST: usize = 64;
/// Parts are of multiples of this many: signatures are recovered eight at a time.
const TOGETHER: usize = 8;
/// Asked once: on Linux the question reads files.
static PROCESSORS: LazyLock<usize> = LazyLock::new(|| available_parallelism().map_or(1, NonZeroUsize::get));
/// Threads that are at such work now.
static AT_WORK: AtomicUsize = AtomicUsize::new(0);

/// What `of` makes of the items, one of each in their order. A thread is started for each processor that no such work is on; under load,
/// when there is none, the caller's alone does it, and no time goes into starting threads that would wait for each other.
pub(crate) fn over_processors<T: Sync, R: Send>(items: &[T], of: impl Fn(&[T]) -> Vec<R> + Sync) -> Vec<R> {
    let of = &of;
    let own = Worker::begin();
    let parts = own.idle_before.max(1).min(items.len() / AT_LEAST).max(1);
    let mut parts = items.chunks(items.len().div_ceil(parts).max(1).next_multiple_of(TOGETHER));
    let first = parts.next().unwrap_or_default();
    thread::scope(|scope| {
        let begin = |part| {
            let worker = Worker::begin();
            let task = move || {
                let _counted = worker;
                of(part)
            };
            (part, scope.spawn(task))
        };
        let others: Vec<_> = parts.map(begin).collect();
        let mut made = of(first);
        drop(own);
        // A panic there would come again here.
        made.extend(others.into_iter().flat_map(|(part, thread)| thread.join().unwrap_or_else(|_| of(part))));
        made
    })
}

/// A thread at work, for as long as this lives.
struct Worker {
    /// Processors without work before it began.
    idle_before: usize,
}

impl Worker {
    fn begin() -> Self {
        let before = AT_WORK.fetch_add(1, Ordering::Relaxed);
        Self { idle_before: PROCESSORS.saturating_sub(before) }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        AT_WORK.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_answered_in_its_place() {
        for count in [0, 1, 63, 64, 65, 127, 128, 129, 1_000] {
            let items: Vec<_> = (0..count).collect();
            let made = over_processors(&items, |part| part.iter().map(|item| item * 2).collect());
            assert_eq!(made, (0..count).map(|item| item * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nobody_is_counted_after_a_panic() {
        let items = [0; 200];
        let panicked = std::panic::catch_unwind(|| over_processors(&items, |_| -> Vec<()> { panic!("of a part") }));
        assert!(panicked.is_err());
        // Other tests of this process may be at it.
        let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while AT_WORK.load(Ordering::Relaxed) > 0 && std::time::Instant::now() < end {
            thread::yield_now();
        }
        assert_eq!(AT_WORK.load(Ordering::Relaxed), 0);
    }
}
