//! What lies in memory, ready to be called, and what goes when it is too much.
//!
//! Dropping is a matter of this node alone: what is called again is staged again, and comes back from the cache.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use caldera_types::{Digest, Grants};
use parking_lot::RwLock;

/// Components that are kept whatever their size: those that were used last, so that nothing goes between the moment
/// when it is made ready and the call.
const ALWAYS_KEPT: usize = 16;

/// Components in memory: `C` for each digest, `R` for each set of grants under which it was linked.
pub(crate) struct Staged<C, R> {
    entries: RwLock<BTreeMap<Digest, Entry<C, R>>>,
    /// Counts what was put in. An entry's use is as old as this number was then.
    puts: AtomicU64,
    most_bytes: u64,
}

struct Entry<C, R> {
    compiled: C,
    ready: BTreeMap<Grants, Arc<R>>,
    bytes: u64,
    used: AtomicU64,
}

impl<C: Clone, R> Staged<C, R> {
    /// Empty, with room for so many bytes of native code.
    pub(crate) fn new(most_bytes: u64) -> Self {
        Self { entries: RwLock::default(), puts: AtomicU64::new(1), most_bytes }
    }

    /// What is ready under these grants.
    pub(crate) fn ready(&self, digest: Digest, grants: Grants) -> Option<Arc<R>> {
        let entries = self.entries.read();
        let entry = entries.get(&digest)?;
        self.touch(entry);
        entry.ready.get(&grants).cloned()
    }

    /// Whether it is ready under these grants.
    pub(crate) fn is_ready(&self, digest: Digest, grants: Grants) -> bool {
        let entries = self.entries.read();
        entries.get(&digest).is_some_and(|entry| {
            self.touch(entry);
            entry.ready.contains_key(&grants)
        })
    }

    /// What was compiled.
    pub(crate) fn compiled(&self, digest: Digest) -> Option<C> {
        let entries = self.entries.read();
        let entry = entries.get(&digest)?;
        self.touch(entry);
        Some(entry.compiled.clone())
    }

    /// Keeps what was compiled; what was used longest ago goes when it is too much.
    pub(crate) fn put_compiled(&self, digest: Digest, compiled: C, bytes: u64) {
        let mut entries = self.entries.write();
        let now = self.puts.fetch_add(1, Relaxed) + 1;
        entries.entry(digest).or_insert(Entry { compiled, ready: BTreeMap::new(), bytes, used: AtomicU64::new(now) });
        let mut total: u64 = entries.values().map(|entry| entry.bytes).sum();
        while total > self.most_bytes && entries.len() > ALWAYS_KEPT {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.used.load(Relaxed)).map(|(digest, _)| *digest);
            let Some(gone) = oldest.and_then(|digest| entries.remove(&digest)) else { break };
            total -= gone.bytes;
        }
    }

    /// Keeps what was linked.
    pub(crate) fn put_ready(&self, digest: Digest, grants: Grants, ready: Arc<R>, compiled: C, bytes: u64) {
        if !self.entries.read().contains_key(&digest) {
            self.put_compiled(digest, compiled, bytes);
        }
        if let Some(entry) = self.entries.write().get_mut(&digest) {
            entry.ready.insert(grants, ready);
        }
    }

    /// Written only when it changes: many threads call one engine at once.
    fn touch(&self, entry: &Entry<C, R>) {
        let now = self.puts.load(Relaxed);
        if entry.used.load(Relaxed) != now {
            entry.used.store(now, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u32) -> Digest {
        Digest::of(&n.to_be_bytes())
    }

    #[test]
    fn what_was_used_longest_ago_goes() {
        let staged = Staged::<u32, ()>::new(20);
        for n in 0..100 {
            staged.put_compiled(digest(n), n, 1);
            staged.put_ready(digest(n), Grants::ALL, Arc::new(()), n, 1);
            assert!(staged.is_ready(digest(0), Grants::ALL), "used all the time, gone at {n}");
        }
        let kept: Vec<_> = (0..100).filter(|n| staged.compiled(digest(*n)).is_some()).collect();
        assert_eq!(kept, [vec![0], (81..100).collect()].concat());
        assert!(!staged.is_ready(digest(99), Grants::NONE));
    }

    #[test]
    fn the_last_few_stay_whatever_their_size() {
        let staged = Staged::<u32, ()>::new(1);
        (0..100).for_each(|n| staged.put_compiled(digest(n), n, 1 << 30));
        let kept = (0..100).filter(|n| staged.compiled(digest(*n)).is_some()).count();
        assert_eq!(kept, ALWAYS_KEPT);
    }
}
