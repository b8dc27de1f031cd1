//! How an engine's keys and values lie in its account's storage.
//!
//! The layout is Solidity's for `mapping(bytes => bytes)` at slot 0, so that every tool that knows it can read and
//! prove an engine's state: the entry of key `k` is at `keccak256(k ‖ 0)`; up to 31 bytes stand in that slot with twice
//! their number in the last byte; longer values leave twice their number plus one there and stand from
//! `keccak256(slot)` on, 32 bytes a slot. An empty value is all zero, so it is the same as no value.

use alloy_primitives::{B256, U256, keccak256};

/// The slot where a key's entry begins.
pub fn slot_of(key: &[u8]) -> U256 {
    let mut preimage = Vec::with_capacity(key.len() + 32);
    preimage.extend_from_slice(key);
    preimage.extend_from_slice(&[0; 32]);
    keccak256(&preimage).into()
}

/// Reads the entry of `key`, one `load` for each slot.
pub(crate) fn get<E>(key: &[u8], mut load: impl FnMut(U256) -> Result<U256, E>) -> Result<Option<Vec<u8>>, E> {
    let slot = slot_of(key);
    let head = load(slot)?;
    let Some(len) = long_len(head) else {
        let len = short_len(head);
        return Ok((len > 0).then(|| head.to_be_bytes::<32>()[..len].to_vec()));
    };
    let first = chunks_from(slot);
    let mut value = Vec::with_capacity(len);
    for chunk in 0..len.div_ceil(32) {
        value.extend_from_slice(&load(first.wrapping_add(U256::from(chunk)))?.to_be_bytes::<32>());
    }
    value.truncate(len);
    Ok(Some(value))
}

/// Something that has slots.
pub(crate) trait SlotAccess {
    type Error;
    fn load(&mut self, slot: U256) -> Result<U256, Self::Error>;
    fn store(&mut self, slot: U256, value: U256) -> Result<(), Self::Error>;
}

/// Writes the entry of `key` and clears what a longer old value leaves behind. Empty removes.
pub(crate) fn set<S: SlotAccess>(key: &[u8], value: &[u8], slots: &mut S) -> Result<(), S::Error> {
    let slot = slot_of(key);
    let old_chunks = long_len(slots.load(slot)?).map_or(0, |len| len.div_ceil(32));
    slots.store(slot, head_of(value))?;
    let new_chunks = if value.len() > 31 { value.len().div_ceil(32) } else { 0 };
    if old_chunks.max(new_chunks) == 0 {
        return Ok(());
    }
    let first = chunks_from(slot);
    for (index, chunk) in value.chunks(32).take(new_chunks).enumerate() {
        let mut word = [0; 32];
        word[..chunk.len()].copy_from_slice(chunk);
        slots.store(first.wrapping_add(U256::from(index)), U256::from_be_bytes(word))?;
    }
    for index in new_chunks..old_chunks {
        slots.store(first.wrapping_add(U256::from(index)), U256::ZERO)?;
    }
    Ok(())
}

fn head_of(value: &[u8]) -> U256 {
    if value.len() > 31 {
        return U256::from(2 * value.len() + 1);
    }
    let mut word = [0; 32];
    word[..value.len()].copy_from_slice(value);
    // At most 62, so it fits in the byte.
    word[31] = 2 * value.len() as u8;
    U256::from_be_bytes(word)
}

fn short_len(head: U256) -> usize {
    usize::from(head.byte(0) / 2).min(31)
}

/// Length of a long value, or none for a short one. Only our own `set` wrote it, so it is at most a value's limit.
fn long_len(head: U256) -> Option<usize> {
    head.bit(0).then(|| usize::try_from(head >> 1).unwrap_or(usize::MAX).min(caldera_types::limits::MAX_OUTPUT_BYTES))
}

fn chunks_from(slot: U256) -> U256 {
    keccak256(B256::from(slot)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{collections::BTreeMap, convert::Infallible};

    #[derive(Default)]
    struct Slots(BTreeMap<U256, U256>);

    impl SlotAccess for Slots {
        type Error = Infallible;
        fn load(&mut self, slot: U256) -> Result<U256, Infallible> {
            Ok(self.0.get(&slot).copied().unwrap_or_default())
        }
        fn store(&mut self, slot: U256, value: U256) -> Result<(), Infallible> {
            match value.is_zero() {
                true => self.0.remove(&slot),
                false => self.0.insert(slot, value),
            };
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn behaves_as_a_map(writes in prop::collection::vec((0u8..4, prop::collection::vec(any::<u8>(), 0..200)), 1..40)) {
            let (mut slots, mut model) = (Slots::default(), BTreeMap::new());
            for (key, value) in writes {
                set(&[key], &value, &mut slots).unwrap();
                model.insert(key, value);
            }
            for (key, value) in &model {
                let read = get(&[*key], |slot| slots.load(slot)).unwrap();
                prop_assert_eq!(read, (!value.is_empty()).then(|| value.clone()));
            }
            for key in model.keys() {
                set(&[*key], &[], &mut slots).unwrap();
            }
            prop_assert!(slots.0.is_empty(), "removing everything leaves no slot behind");
        }
    }

    #[test]
    fn layout_is_soliditys() {
        let mut slots = Slots::default();
        set(b"k", b"abc", &mut slots).unwrap();
        let expected = keccak256([b"k".as_slice(), &[0; 32]].concat());
        let mut word = [0; 32];
        word[..3].copy_from_slice(b"abc");
        word[31] = 6;
        assert_eq!(slots.0.get(&expected.into()), Some(&U256::from_be_bytes(word)));
    }
}
