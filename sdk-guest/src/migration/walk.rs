//! Walking over stored collections in bounded steps.
//!
//! A walk is a chain of parts, the same in each step. The cursor says in which part the step before stopped, and behind which
//! entry; parts before that are skipped, and once a step's entries are used up so are those after it.

use super::{Migrated, Migration, Progress};
use crate::storage::{List, OrderedKey, OrderedMap, Queue, Stored};

/// Bytes of a cursor before the place in its part: the part's number, then the entries done.
const HEAD_BYTES: usize = 1 + size_of::<u64>();

/// A migration under way. Each part visits its entries in order and gives the walk back for the next part.
#[derive(Debug)]
pub struct Walk {
    /// Entries that this step may still visit.
    left: u64,
    /// The part that is declared next.
    part: u8,
    /// Where this step begins.
    start: Place,
    /// Where this step stopped.
    stop: Option<Place>,
    done: u64,
    total: u64,
}

/// Behind an entry of a part; no bytes: at its beginning.
#[derive(Debug, Default)]
struct Place {
    part: u8,
    at: Vec<u8>,
}

impl Walk {
    /// A step of at most `entries` entries, from where the one before stopped.
    pub fn new(step: &Migration, entries: u64) -> Result<Self, String> {
        let (start, done) = match step.cursor.split_at_checked(HEAD_BYTES) {
            None if step.cursor.is_empty() => (Place::default(), 0),
            None => return Err(foreign()),
            Some((head, at)) => {
                let (part, done) = (head[0], head[1..].try_into().map_err(|_| foreign())?);
                (Place { part, at: at.to_vec() }, u64::from_be_bytes(done))
            }
        };
        Ok(Self { left: entries.max(1), part: 0, start, stop: None, done, total: 0 })
    }

    /// Says how many entries there are in all, for operators.
    pub fn total(mut self, entries: u64) -> Self {
        self.total = entries;
        self
    }

    /// Visits the items of a list by index. It may change items, not the length.
    pub fn list<T: Stored>(
        self,
        list: &List<T>,
        mut visit: impl FnMut(u64, T) -> Result<(), String>,
    ) -> Result<Self, String> {
        let length = list.len();
        self.numbers(0..length, |index| list.get(index).map_or(Ok(()), |item| visit(index, item)))
    }

    /// Visits the items of a queue from its front. It may not push or pop.
    pub fn queue<T: Stored>(
        self,
        queue: &Queue<T>,
        mut visit: impl FnMut(T) -> Result<(), String>,
    ) -> Result<Self, String> {
        let (head, tail) = queue.ends();
        self.numbers(head..tail, |index| visit(queue.item(index)))
    }

    /// Visits the entries of an ordered map. It may change values and remove the entry that it is at.
    pub fn ordered<K: OrderedKey, V: Stored>(
        self,
        map: &OrderedMap<K, V>,
        mut visit: impl FnMut(K, V) -> Result<(), String>,
    ) -> Result<Self, String> {
        use core::ops::Bound::{Excluded, Unbounded};
        self.part(|at| {
            let low = match at.len() {
                0 => Unbounded,
                bytes if bytes == K::BYTES => Excluded(K::read(at)),
                _ => return Err(foreign()),
            };
            let Some((key, value)) = map.range((low, Unbounded)).next() else { return Ok(None) };
            let mut place = Vec::with_capacity(K::BYTES);
            key.write(&mut place);
            visit(key, value).map(|()| Some(place))
        })
    }

    /// Visits numbers, such as those that members of something are known by. The range may not change between steps.
    pub fn numbers(
        self,
        range: core::ops::Range<u64>,
        mut visit: impl FnMut(u64) -> Result<(), String>,
    ) -> Result<Self, String> {
        self.part(|at| {
            let next = match at.len() {
                0 => range.start,
                _ => u64::from_be_bytes(at.try_into().map_err(|_| foreign())?).saturating_add(1),
            };
            if next >= range.end {
                return Ok(None);
            }
            visit(next).map(|()| Some(next.to_be_bytes().to_vec()))
        })
    }

    /// Does something once: single values, sums, events.
    pub fn once(self, act: impl FnOnce() -> Result<(), String>) -> Result<Self, String> {
        let mut act = Some(act);
        self.part(|at| match act.take() {
            Some(act) if at.is_empty() => act().map(|()| Some(vec![1])),
            _ => Ok(None),
        })
    }

    /// Empties a list.
    pub fn clear_list<T: Stored>(self, list: &mut List<T>) -> Result<Self, String> {
        self.part(|_| Ok(list.pop().map(|_| vec![1])))
    }

    /// Empties a queue.
    pub fn clear_queue<T: Stored>(self, queue: &mut Queue<T>) -> Result<Self, String> {
        self.part(|_| Ok(queue.pop().map(|_| vec![1])))
    }

    /// Empties an ordered map.
    pub fn clear_ordered<K: OrderedKey, V: Stored>(self, map: &mut OrderedMap<K, V>) -> Result<Self, String> {
        self.part(|_| {
            let first = map.first();
            Ok(first.map(|(key, _)| {
                map.remove(&key);
                vec![1]
            }))
        })
    }

    /// What to answer to the chain.
    pub fn finish(self) -> Migrated {
        match self.stop {
            None => Migrated::Done,
            Some(Place { part, at }) => {
                let cursor = [&[part][..], &self.done.to_be_bytes(), &at].concat();
                Migrated::More(Progress { cursor, done: self.done, total: self.total })
            }
        }
    }

    /// A part: `next` is told the place behind the last entry, visits the one after it and gives its place, or none at the end.
    fn part(mut self, mut next: impl FnMut(&[u8]) -> Result<Option<Vec<u8>>, String>) -> Result<Self, String> {
        let part = self.part;
        self.part = part.checked_add(1).ok_or("a migration has at most 255 parts")?;
        if self.stop.is_some() || part < self.start.part {
            return Ok(self);
        }
        let mut at = if part == self.start.part { core::mem::take(&mut self.start.at) } else { Vec::new() };
        while self.left > 0 {
            let Some(place) = next(&at)? else { return Ok(self) };
            at = place;
            self.left -= 1;
            self.done += 1;
        }
        self.stop = Some(Place { part, at });
        Ok(self)
    }
}

fn foreign() -> String {
    "the cursor is of another migration".into()
}
