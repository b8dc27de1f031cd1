//! One stored value.

use core::marker::PhantomData;

use super::{Field, Stored};

/// One value. One storage operation per call.
#[derive(Debug)]
pub struct Value<T> {
    field: Field,
    of: PhantomData<T>,
}

impl<T: Stored> Value<T> {
    /// The value stored under this name.
    pub const fn new(name: &'static str) -> Self {
        Self { field: Field::new(name), of: PhantomData }
    }

    /// The value, or its type's zero.
    pub fn get(&self) -> T {
        self.field.read_or_zero(&self.key())
    }

    /// The value, or none if it is absent.
    pub fn find(&self) -> Option<T> {
        self.field.read(&self.key())
    }

    /// Writes the value. A zero is the same as [`Self::remove`].
    pub fn set(&mut self, value: &T) {
        self.field.write(&self.key(), value);
    }

    /// Reads, changes and writes the value; gives what `change` gives.
    pub fn update<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.get();
        let result = change(&mut value);
        self.set(&value);
        result
    }

    /// Removes the value.
    pub fn remove(&mut self) {
        crate::host::remove(&self.key());
    }

    fn key(&self) -> Vec<u8> {
        self.field.key(|_| ())
    }
}
