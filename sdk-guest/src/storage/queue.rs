//! First in, first out.

use core::marker::PhantomData;

use super::{Field, Key as _, Stored};

/// A queue. Head and tail share one entry: `push` and `pop` are two storage writes and at most two reads.
#[derive(Debug)]
pub struct Queue<T> {
    field: Field,
    of: PhantomData<T>,
}

impl<T: Stored> Queue<T> {
    /// The queue stored under this name.
    pub const fn new(name: &'static str) -> Self {
        Self { field: Field::new(name), of: PhantomData }
    }

    /// How many items wait.
    pub fn len(&self) -> u64 {
        let (head, tail) = self.ends();
        tail - head
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends an item.
    pub fn push(&mut self, item: &T) {
        let (head, tail) = self.ends();
        self.field.write(&self.item_key(tail), item);
        self.field.write(&self.ends_key(), &(head, tail + 1));
    }

    /// The first item, which stays.
    pub fn front(&self) -> Option<T> {
        let (head, tail) = self.ends();
        (head < tail).then(|| self.item(head))
    }

    /// Takes the first item.
    pub fn pop(&mut self) -> Option<T> {
        let (head, tail) = self.ends();
        if head == tail {
            return None;
        }
        let key = self.item_key(head);
        let item = self.field.read_or_zero(&key);
        crate::host::remove(&key);
        self.field.write(&self.ends_key(), &(head + 1, tail));
        Some(item)
    }

    /// The items in order, one storage read each.
    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        let (head, tail) = self.ends();
        (head..tail).map(|index| self.item(index))
    }

    /// The item at an index between [`Self::ends`].
    pub(crate) fn item(&self, index: u64) -> T {
        self.field.read_or_zero(&self.item_key(index))
    }

    /// Index of the first item and of the place after the last.
    pub(crate) fn ends(&self) -> (u64, u64) {
        self.field.read_or_zero(&self.ends_key())
    }

    fn ends_key(&self) -> Vec<u8> {
        self.field.key(|_| ())
    }

    fn item_key(&self, index: u64) -> Vec<u8> {
        self.field.key(|out| index.write(out))
    }
}
