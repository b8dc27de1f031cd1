//! A bounded map of what was read lately.
//!
//! Two generations: when the young one is full it becomes the old one and the old one goes. What is used moves to the
//! young one, so this forgets roughly the least recently used. The maps' order decides nothing.

use std::{collections::HashMap, hash::Hash, mem};

/// What an entry takes beside key and value: table slots and allocations. An estimate, in bytes.
const ENTRY_BYTES: usize = 64;

/// Values by key, up to a number of bytes.
pub(crate) struct Cache<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    young_bytes: usize,
    /// Most bytes of one generation.
    limit: usize,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// A cache of about `bytes` in all. Zero keeps nothing.
    pub fn new(bytes: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), young_bytes: 0, limit: bytes / 2 }
    }

    /// The value of `key`; `bytes` as for [`Self::put`].
    pub fn get(&mut self, key: &K, bytes: impl Fn(&V) -> usize) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.put(key, value.clone(), bytes(&value));
        Some(value)
    }

    /// Sets the value of `key`; both together take `bytes`.
    pub fn put(&mut self, key: K, value: V, bytes: usize) {
        // No older value may come back, whether or not this one is kept.
        self.old.remove(&key);
        self.young.remove(&key);
        let bytes = bytes + ENTRY_BYTES;
        if bytes > self.limit {
            return;
        }
        if self.young_bytes + bytes > self.limit {
            self.old = mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(key, value);
    }

    /// Forgets the values of all keys that are like that; looks at every one.
    pub fn forget(&mut self, like: impl Fn(&K) -> bool) {
        self.young.retain(|key, _| !like(key));
        self.old.retain(|key, _| !like(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// It may forget, but never says anything but the last value.
        #[test]
        fn never_stale(puts in prop::collection::vec((0u8..20, 0usize..200), 0..300), limit in 0usize..3000) {
            let mut cache = Cache::new(limit);
            let mut last = HashMap::new();
            for (key, value) in puts {
                cache.put(key, value, value);
                last.insert(key, value);
                for key in 0..20 {
                    if let Some(found) = cache.get(&key, |value| *value) {
                        prop_assert_eq!(Some(&found), last.get(&key));
                    }
                }
                let young: usize = cache.young.values().map(|value| value + ENTRY_BYTES).sum();
                prop_assert!(young <= limit / 2);
            }
        }
    }

    #[test]
    fn it_keeps_what_fits() {
        let mut cache = Cache::new(2 * (10 + ENTRY_BYTES));
        cache.put(1, 'a', 10);
        cache.put(2, 'b', 10);
        assert_eq!((cache.get(&2, |_| 10), cache.get(&1, |_| 10)), (Some('b'), Some('a')));
        cache.put(3, 'c', 10);
        assert_eq!((cache.get(&2, |_| 10), cache.get(&3, |_| 10)), (None, Some('c')));
        cache.forget(|key| [1, 3].contains(key));
        assert_eq!((cache.get(&3, |_| 10), cache.get(&1, |_| 10)), (None, None));
    }
}
