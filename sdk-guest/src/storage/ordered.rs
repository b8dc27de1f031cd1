//! A map in the order of its keys. The values stand by key, so a lookup is one read; the order is a radix tree
//! (see `radix`) of the keys beside them.

use core::marker::PhantomData;
use core::ops::{Bound, RangeBounds};

use super::{
    Field, OrderedKey, Stored,
    radix::{Tree, pack},
    write_bytes,
};
use crate::host;

/// Values in the order of their keys. As everywhere, a zero value is an absent one: use `OrderedMap<K, bool>` as a set.
///
/// Storage operations, with n keys of b bytes: `get`, `find`, `contains` and replacing a value: 1 or 2. Inserting: about
/// log₁₆ n reads and 3 or 4 writes. Removing: the same. `first`, `last`, and each step of `range`: about log₁₆ n reads,
/// of which all but one or two are warm in a scan. Whatever keys others insert: at most 2b + 2 reads to change an entry,
/// 4b + 2 for a step.
#[derive(Debug)]
pub struct OrderedMap<K, V> {
    field: Field,
    of: PhantomData<(K, V)>,
}

impl<K: OrderedKey, V: Stored> OrderedMap<K, V> {
    /// The map stored under this name.
    pub const fn new(name: &'static str) -> Self {
        assert!(K::BYTES > 0 && K::BYTES <= 96, "an ordered key has 1 to 96 bytes");
        Self { field: Field::new(name), of: PhantomData }
    }

    /// The value, or its type's zero.
    pub fn get(&self, key: &K) -> V {
        self.field.read_or_zero(&self.value_key(key))
    }

    /// The value, or none if it is absent.
    pub fn find(&self, key: &K) -> Option<V> {
        self.field.read(&self.value_key(key))
    }

    /// Whether the key has a value that is not zero.
    pub fn contains(&self, key: &K) -> bool {
        host::get(&self.value_key(key)).is_some()
    }

    /// Writes a value. A zero is the same as [`Self::remove`].
    pub fn set(&mut self, key: &K, value: &V) {
        let mut bytes = Vec::new();
        value.encode(&mut bytes);
        let value_key = self.value_key(key);
        match (host::get(&value_key).is_some(), !bytes.is_empty()) {
            (false, true) => self.tree().insert(&digits(key)),
            (true, false) => self.tree().remove(&digits(key)),
            (false, false) => return,
            (true, true) => {}
        }
        write_bytes(&value_key, &bytes);
    }

    /// Reads, changes and writes a value; gives what `change` gives.
    pub fn update<R>(&mut self, key: &K, change: impl FnOnce(&mut V) -> R) -> R {
        let mut value = self.get(key);
        let result = change(&mut value);
        self.set(key, &value);
        result
    }

    /// Removes a key.
    pub fn remove(&mut self, key: &K) {
        let value_key = self.value_key(key);
        if host::get(&value_key).is_some() {
            self.tree().remove(&digits(key));
            host::remove(&value_key);
        }
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.tree().is_empty()
    }

    /// The smallest key with its value.
    pub fn first(&self) -> Option<(K, V)> {
        self.range(..).next()
    }

    /// The largest key with its value.
    pub fn last(&self) -> Option<(K, V)> {
        self.range(..).next_back()
    }

    /// The entries in a range of keys, from either end. Stop early: each step costs storage reads.
    pub fn range(&self, keys: impl RangeBounds<K>) -> Range<'_, K, V> {
        Range { map: self, low: bound_digits(keys.start_bound()), high: bound_digits(keys.end_bound()) }
    }

    fn tree(&self) -> Tree {
        Tree::new(self.field)
    }

    fn value_key(&self, key: &K) -> Vec<u8> {
        self.field.key(|out| {
            out.push(0);
            key.write(out);
        })
    }
}

/// Entries of an [`OrderedMap`] in order, from either end.
#[derive(Debug)]
pub struct Range<'a, K, V> {
    map: &'a OrderedMap<K, V>,
    low: Bound<Vec<u8>>,
    high: Bound<Vec<u8>>,
}

impl<K: OrderedKey, V: Stored> Range<'_, K, V> {
    /// The entry at the near end of the range in a direction.
    fn end(&self, up: bool) -> Option<(Vec<u8>, (K, V))> {
        let near = if up { &self.low } else { &self.high };
        let path = self.map.tree().seek(near, up)?;
        let above = match &self.low {
            Bound::Included(low) => path >= *low,
            Bound::Excluded(low) => path > *low,
            Bound::Unbounded => true,
        };
        let below = match &self.high {
            Bound::Included(high) => path <= *high,
            Bound::Excluded(high) => path < *high,
            Bound::Unbounded => true,
        };
        if !(above && below) {
            return None;
        }
        let key = K::read(&pack(&path));
        let value = self.map.get(&key);
        Some((path, (key, value)))
    }
}

impl<K: OrderedKey, V: Stored> Iterator for Range<'_, K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        let (path, entry) = self.end(true)?;
        self.low = Bound::Excluded(path);
        Some(entry)
    }
}

impl<K: OrderedKey, V: Stored> DoubleEndedIterator for Range<'_, K, V> {
    fn next_back(&mut self) -> Option<(K, V)> {
        let (path, entry) = self.end(false)?;
        self.high = Bound::Excluded(path);
        Some(entry)
    }
}

/// A key's hexadecimal digits, one per byte.
fn digits<K: OrderedKey>(key: &K) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(K::BYTES);
    key.write(&mut bytes);
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect()
}

fn bound_digits<K: OrderedKey>(bound: Bound<&K>) -> Bound<Vec<u8>> {
    bound.map(digits)
}
