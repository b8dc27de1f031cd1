//! What was read of a state, kept: the block path leaves its reads to the shadow, which then need not ask the trie.
//!
//! A read from the trie takes a hundred times as long as one from flat state, and the flat state has moved on by the time
//! a shadow runs.

use std::collections::HashMap;

use alloy_primitives::{Address, B256, Bytes, U256};
use caldera_state::{Account, StateDiff, StateError, StateView};
use parking_lot::Mutex;

/// Entries kept; a block that reads more leaves the rest to the trie. About 100 bytes each.
const MAX_ENTRIES: usize = 1 << 18;

/// Values of one state. What is not here is not known.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownState {
    accounts: HashMap<Address, Option<Account>>,
    slots: HashMap<(Address, U256), U256>,
    codes: HashMap<B256, Bytes>,
    block_hashes: HashMap<u64, B256>,
}

impl KnownState {
    /// The state after a block, from that before it.
    pub(crate) fn apply(&mut self, diff: &StateDiff) {
        for (address, change) in &diff.accounts {
            if change.clears_storage() {
                self.slots.retain(|(owner, _), _| owner != address);
            }
            self.accounts.insert(*address, change.account);
            self.slots.extend(change.written_storage().map(|(slot, value)| ((*address, *slot), *value)));
        }
        if self.entries() > MAX_ENTRIES {
            *self = Self::default();
        }
    }

    fn entries(&self) -> usize {
        self.accounts.len() + self.slots.len() + self.codes.len() + self.block_hashes.len()
    }
}

/// A view that remembers what was read through it.
pub(crate) struct Remembering<V> {
    under: V,
    known: Mutex<KnownState>,
}

impl<V: StateView> Remembering<V> {
    /// Over a view, with what is known of its state already.
    pub(crate) fn new(under: V, known: KnownState) -> Self {
        Self { under, known: Mutex::new(known) }
    }

    /// What is known now.
    pub(crate) fn into_known(self) -> KnownState {
        self.known.into_inner()
    }

    fn read<K: Copy + Eq + std::hash::Hash, T: Clone>(
        &self,
        key: K,
        of: impl Fn(&mut KnownState) -> &mut HashMap<K, T>,
        ask: impl FnOnce(&V) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        if let Some(value) = of(&mut self.known.lock()).get(&key) {
            return Ok(value.clone());
        }
        // Not under the lock: the view may take its time.
        let value = ask(&self.under)?;
        let mut known = self.known.lock();
        if known.entries() < MAX_ENTRIES {
            of(&mut known).insert(key, value.clone());
        }
        Ok(value)
    }
}

impl<V: StateView> StateView for Remembering<V> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        self.read(address, |known| &mut known.accounts, |view| view.account(address))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        self.read((address, slot), |known| &mut known.slots, |view| view.storage(address, slot))
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        self.read(hash, |known| &mut known.codes, |view| view.code(hash))
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        self.read(number, |known| &mut known.block_hashes, |view| view.block_hash(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caldera_state::{AccountDiff, MemoryView};
    use proptest::prelude::*;

    fn diff() -> impl Strategy<Value = StateDiff> {
        let slots = prop::collection::btree_map((0u8..4).prop_map(U256::from), (0u8..3).prop_map(U256::from), 0..4);
        let change = (any::<bool>(), any::<bool>(), 0u64..3, slots).prop_map(|(there, wiped, nonce, storage)| {
            AccountDiff { account: there.then(|| Account { nonce, ..Account::default() }), wiped, storage }
        });
        prop::collection::btree_map((0u8..3).prop_map(Address::repeat_byte), change, 0..3)
            .prop_map(|accounts| StateDiff { accounts, ..StateDiff::default() })
    }

    proptest! {
        /// What is remembered over blocks is what the state says.
        #[test]
        fn memory_never_lies(diffs in prop::collection::vec((diff(), prop::collection::vec((0u8..3, 0u8..4), 0..6)), 0..8)) {
            let (mut state, mut known) = (MemoryView::default(), KnownState::default());
            for (diff, reads) in diffs {
                let view = Remembering::new(&state, known);
                for (address, slot) in reads {
                    let (address, slot) = (Address::repeat_byte(address), U256::from(slot));
                    prop_assert_eq!(view.account(address).unwrap(), state.account(address).unwrap());
                    prop_assert_eq!(view.storage(address, slot).unwrap(), state.storage(address, slot).unwrap());
                }
                known = view.into_known();
                state.apply(&diff);
                known.apply(&diff);
            }
        }
    }
}
