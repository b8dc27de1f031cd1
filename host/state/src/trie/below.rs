//! Where the nodes lie that a node names: in the store this follows the node's own bytes.
//!
//! One entry for each hash in the node, in their order (of an account's leaf, for the root of its storage): two numbers, LEB128. The
//! first is 0 for a node of the same block, and the second how many nodes before this one it was made; otherwise they are the
//! height and 1, and the rest of the place ([`Place::word`]). What is relative stays true when the nodes that several threads made are put together.

use crate::place::Place;

/// Where a node lies that another one names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// In the store.
    Stored(Place),
    /// Among those that are being made: the how manyeth.
    New(usize),
}

impl Default for At {
    fn default() -> Self {
        Self::Stored(Place::default())
    }
}

impl At {
    /// The same after `by` nodes were put before those that are being made.
    pub fn behind(self, by: usize) -> Self {
        match self {
            Self::New(index) => Self::New(index + by),
            stored @ Self::Stored(_) => stored,
        }
    }

    /// Where it lies once the block is stored whose nodes begin at `first`.
    pub fn in_block(self, first: Place) -> Place {
        match self {
            Self::New(index) => first.after(index as u32),
            Self::Stored(place) => place,
        }
    }
}

/// Writes the entries of the node that is the how manyeth of those that are being made.
pub(super) fn write(out: &mut Vec<u8>, own: usize, below: &[At]) {
    for at in below {
        let (first, second) = match *at {
            At::New(index) => (0, (own - index) as u64),
            At::Stored(place) => (place.height + 1, u64::from(place.word())),
        };
        write_number(out, first);
        write_number(out, second);
    }
}

/// Writes the entries of a node of a store that is filled: all lie at known places.
pub(crate) fn write_stored(out: &mut Vec<u8>, below: impl IntoIterator<Item = Place>) {
    let below: Vec<_> = below.into_iter().map(At::Stored).collect();
    write(out, 0, &below);
}

/// Reads the entries of the node at a place; none for something else. A node without any may name others all the same: in a
/// witness nothing lies anywhere.
pub(super) fn read(own: Place, mut bytes: &[u8]) -> Option<Vec<At>> {
    let mut below = Vec::with_capacity(bytes.len().min(16));
    while !bytes.is_empty() {
        let (first, second) = (read_number(&mut bytes)?, u32::try_from(read_number(&mut bytes)?).ok()?);
        below.push(At::Stored(match first.checked_sub(1) {
            Some(height) => Place::from_word(height, second),
            None => Place { index: own.index.checked_sub(second)?, ..own },
        }));
    }
    Some(below)
}

fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entries_read_back(
            places in prop::collection::vec((prop::option::of(0u64..1 << 40), 0u32..1000, any::<bool>()), 0..17),
            (height, packed) in any::<(u64, bool)>(),
            before in 0usize..1000,
        ) {
            let own = before + 1000;
            let below: Vec<_> = places.iter().map(|(height, index, packed)| match height {
                Some(height) => At::Stored(Place { height: *height, index: *index, packed: *packed }),
                None => At::New(before + *index as usize),
            }).collect();
            let mut bytes = Vec::new();
            write(&mut bytes, own, &below);
            // Put behind others, they are still those.
            let moved = |at: &At| At::Stored(at.behind(7).in_block(Place { height, index: 0, packed }));
            let read = read(Place { height, index: own as u32 + 7, packed }, &bytes);
            prop_assert_eq!(read, Some(below.iter().map(moved).collect::<Vec<_>>()));
        }

        #[test]
        fn anything_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = read(Place { height: 5, index: 9, packed: true }, &bytes);
        }
    }
}
