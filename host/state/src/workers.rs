//! Pieces of work spread over the processors.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Threads at most: more than this many would wait for the cache of nodes.
const MAX_WORKERS: usize = 8;

static WORKERS: LazyLock<usize> =
    LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS));

/// Runs `work` on every piece and returns the results in the order of the pieces, whoever did them.
pub(crate) fn spread<T: Sync, R: Send>(pieces: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let workers = (*WORKERS).min(pieces.len());
    if workers < 2 {
        return pieces.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        while let Some((at, piece)) = at(pieces, next.fetch_add(1, Ordering::Relaxed)) {
            done.push((at, work(piece)));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(take)).collect();
        let mut done = take();
        for other in others {
            match other.join() {
                Ok(theirs) => done.extend(theirs),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

fn at<T>(pieces: &[T], index: usize) -> Option<(usize, &T)> {
    pieces.get(index).map(|piece| (index, piece))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_once_and_in_order() {
        for count in [0, 1, 2, 16, 1000] {
            let pieces: Vec<usize> = (0..count).collect();
            assert_eq!(spread(&pieces, |n| n * 3), pieces.iter().map(|n| n * 3).collect::<Vec<_>>());
        }
    }
}
