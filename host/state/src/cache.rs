//! A bounded map of what was read lately.
//!
//! Two generations: when the young one is full it becomes the old one and the old one goes. What is used moves to the
//! young one, so this forgets roughly the least recently used. The maps' order decides nothing.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    mem,
};

/// What an entry takes beside key and value: table slots and allocations. An estimate, in bytes.
const ENTRY_BYTES: usize = 64;

/// Values by key, up to a number of bytes. A key is in one of the two generations.
pub(crate) struct Cache<K, V, S = RandomState> {
    young: HashMap<K, V, S>,
    old: HashMap<K, V, S>,
    young_bytes: usize,
    /// Most bytes of one generation.
    limit: usize,
    /// What a value takes with its key, in bytes. It never changes for a value that is here.
    weigh: fn(&V) -> usize,
}

/// What a look finds.
pub(crate) enum Look<'a, V> {
    Young(&'a V),
    /// Soon to be forgotten, unless somebody gets it.
    Old,
    Absent,
}

impl<K: Hash + Eq, V: Clone, S: BuildHasher + Default> Cache<K, V, S> {
    /// A cache of about `bytes` in all. Zero keeps nothing.
    pub fn new(bytes: usize, weigh: fn(&V) -> usize) -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), young_bytes: 0, limit: bytes / 2, weigh }
    }

    /// Looks for the value of `key`, as any number may at once. [`Self::get`] is for what is old.
    pub fn look(&self, key: &K) -> Look<'_, V> {
        match self.young.get(key) {
            Some(value) => Look::Young(value),
            None if self.old.contains_key(key) => Look::Old,
            None => Look::Absent,
        }
    }

    /// The value of `key`, which is young from now on.
    pub fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value.clone());
        Some(value)
    }

    /// Sets the value of `key`.
    pub fn put(&mut self, key: K, value: V) {
        // No older value may come back, whether or not this one is kept.
        self.remove(&key);
        self.insert(key, value);
    }

    /// Puts one in that is not in the young generation.
    fn insert(&mut self, key: K, value: V) {
        let bytes = self.bytes(&value);
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

    /// Forgets the value of `key`, if it is here: what it took is free.
    pub fn remove(&mut self, key: &K) -> bool {
        match self.young.remove(key) {
            Some(value) => {
                self.young_bytes -= self.bytes(&value);
                true
            }
            None => self.old.remove(key).is_some(),
        }
    }

    /// How many entries it holds.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Forgets the values of all keys that are like that; looks at every one.
    pub fn forget(&mut self, like: impl Fn(&K) -> bool) {
        self.young.retain(|key, _| !like(key));
        self.old.retain(|key, _| !like(key));
        self.young_bytes = self.young.values().map(|value| self.bytes(value)).sum();
    }

    fn bytes(&self, value: &V) -> usize {
        (self.weigh)(value) + ENTRY_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A number that takes its own amount of bytes.
    fn itself(value: &usize) -> usize {
        *value
    }

    proptest! {
        /// It may forget, but never says anything but the last value; and knows what it holds.
        #[test]
        fn never_stale(puts in prop::collection::vec((0u8..20, 0usize..200, 0u8..40), 0..300), limit in 0usize..3000) {
            let mut cache = Cache::<u8, usize>::new(limit, itself);
            let mut last = HashMap::new();
            for (key, value, gone) in puts {
                cache.put(key, value);
                last.insert(key, value);
                cache.remove(&gone);
                prop_assert_eq!(cache.get(&gone), None);
                for key in 0..20 {
                    match cache.look(&key) {
                        Look::Young(found) => prop_assert_eq!(Some(found), last.get(&key)),
                        Look::Old => prop_assert!(cache.old.contains_key(&key)),
                        Look::Absent => prop_assert_eq!(cache.get(&key), None),
                    }
                    if let Some(found) = cache.get(&key) {
                        prop_assert_eq!(Some(&found), last.get(&key));
                    }
                }
                let young: usize = cache.young.values().map(|value| value + ENTRY_BYTES).sum();
                prop_assert!(young <= limit / 2);
                prop_assert_eq!(young, cache.young_bytes);
            }
        }
    }

    #[test]
    fn it_keeps_what_fits() {
        let mut cache = Cache::<_, _>::new(2 * (10 + ENTRY_BYTES), |_: &char| 10);
        cache.put(1, 'a');
        cache.put(2, 'b');
        assert_eq!((cache.get(&2), cache.get(&1)), (Some('b'), Some('a')));
        cache.put(3, 'c');
        assert_eq!((cache.get(&2), cache.get(&3)), (None, Some('c')));
        cache.forget(|key| [1, 3].contains(key));
        assert_eq!((cache.get(&3), cache.get(&1)), (None, None));
    }

    /// What goes makes room: replacing one value again and again pushes out nothing.
    #[test]
    fn what_goes_makes_room() {
        let mut cache = Cache::<_, _>::new(4 * (10 + ENTRY_BYTES), |_: &u32| 10);
        cache.put(0, 0);
        for n in 1..100 {
            cache.put(n, n);
            cache.remove(&n);
            cache.put(1000, n);
        }
        assert_eq!((cache.get(&0), cache.get(&1000)), (Some(0), Some(99)));
        assert_eq!(cache.old.len(), 0);
    }
}
