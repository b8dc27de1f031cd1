//! A list by index.

use core::marker::PhantomData;

use super::{Field, Key as _, Stored};

/// Items by index from 0. The length is an entry of its own: `push` and `pop` are two or three storage operations,
/// everything else is one or two.
#[derive(Debug)]
pub struct List<T> {
    field: Field,
    of: PhantomData<T>,
}

impl<T: Stored> List<T> {
    /// The list stored under this name.
    pub const fn new(name: &'static str) -> Self {
        Self { field: Field::new(name), of: PhantomData }
    }

    /// How many items there are.
    pub fn len(&self) -> u64 {
        self.field.read_or_zero(&self.length_key())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at `index`, or none past the end.
    pub fn get(&self, index: u64) -> Option<T> {
        (index < self.len()).then(|| self.item(index))
    }

    /// Replaces the item at `index`. False, with nothing written, past the end.
    #[must_use = "nothing is written past the end"]
    pub fn set(&mut self, index: u64, item: &T) -> bool {
        let inside = index < self.len();
        if inside {
            self.field.write(&self.item_key(index), item);
        }
        inside
    }

    /// Appends an item and gives its index.
    pub fn push(&mut self, item: &T) -> u64 {
        let index = self.len();
        self.field.write(&self.item_key(index), item);
        self.field.write(&self.length_key(), &(index + 1));
        index
    }

    /// Removes the last item.
    pub fn pop(&mut self) -> Option<T> {
        let last = self.len().checked_sub(1)?;
        let item = self.item(last);
        crate::host::remove(&self.item_key(last));
        self.field.write(&self.length_key(), &last);
        Some(item)
    }

    /// Removes the item at `index` and puts the last one in its place.
    pub fn swap_remove(&mut self, index: u64) -> Option<T> {
        let removed = self.get(index)?;
        // `index` is inside, so there is a last item.
        let last = self.pop()?;
        if index < self.len() {
            self.field.write(&self.item_key(index), &last);
        }
        Some(removed)
    }

    /// The items in order, one storage read each.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = T> + '_ {
        (0..self.len()).map(|index| self.item(index))
    }

    fn item(&self, index: u64) -> T {
        self.field.read_or_zero(&self.item_key(index))
    }

    fn length_key(&self) -> Vec<u8> {
        self.field.key(|_| ())
    }

    fn item_key(&self, index: u64) -> Vec<u8> {
        self.field.key(|out| index.write(out))
    }
}
