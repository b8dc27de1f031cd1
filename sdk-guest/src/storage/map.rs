//! A map without an order: the cheapest collection.

use core::marker::PhantomData;

use super::{Field, Key, Stored};

/// Values by key. One storage operation per call. It cannot be listed; keep an [`super::OrderedMap`] or a
/// [`super::List`] beside it for that.
#[derive(Debug)]
pub struct Map<K, V> {
    field: Field,
    of: PhantomData<(K, V)>,
}

impl<K: Key, V: Stored> Map<K, V> {
    /// The map stored under this name.
    pub const fn new(name: &'static str) -> Self {
        Self { field: Field::new(name), of: PhantomData }
    }

    /// The value, or its type's zero.
    pub fn get(&self, key: &K) -> V {
        self.field.read_or_zero(&self.key(key))
    }

    /// The value, or none if it is absent.
    pub fn find(&self, key: &K) -> Option<V> {
        self.field.read(&self.key(key))
    }

    /// Whether the key has a value that is not zero.
    pub fn contains(&self, key: &K) -> bool {
        crate::host::get(&self.key(key)).is_some()
    }

    /// Writes a value. A zero is the same as [`Self::remove`].
    pub fn set(&mut self, key: &K, value: &V) {
        self.field.write(&self.key(key), value);
    }

    /// Reads, changes and writes a value; gives what `change` gives.
    pub fn update<R>(&mut self, key: &K, change: impl FnOnce(&mut V) -> R) -> R {
        let key = self.key(key);
        let mut value = self.field.read_or_zero(&key);
        let result = change(&mut value);
        self.field.write(&key, &value);
        result
    }

    /// Removes a value.
    pub fn remove(&mut self, key: &K) {
        crate::host::remove(&self.key(key));
    }

    fn key(&self, key: &K) -> Vec<u8> {
        self.field.key(|out| key.write(out))
    }
}
