//! The candidate's own copy of the engine's storage, when it cannot run on the active engine's.
//!
//! The copy is a frozen view of the state where it was taken, with the slots that migration and the calls since wrote on
//! top. A call's slots must vanish when the EVM undoes that call later, in a frame further out; only the journal knows
//! when. So they are noted in the journal: as slots of [`SCRATCH`], which hold places in a list of values and never
//! reach a state.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{Address, B256, Bytes, U256, address, map::AddressMap};
use caldera_state::{Account, StateError, StateView};
use revm::{
    JournalEntry,
    context::journal::JournalInner,
    context_interface::{ContextTr, JournalTr, journaled_state::entry::JournalEntryTr},
    state::{Account as EvmAccount, EvmStorage, EvmStorageSlot},
};

use crate::{error::ExecutionError, evm::Ctx, view_db::ViewDb};

/// An account whose storage nobody can read or write: that of the identity precompile. It is always warm, and untouched
/// accounts are not folded into a diff.
pub(super) const SCRATCH: Address = address!("0000000000000000000000000000000000000004");

/// A frozen state that a copy stands on.
pub type FrozenView = Arc<dyn StateView + Send + Sync>;

/// The copy.
pub(crate) struct OwnStorage {
    base: FrozenView,
    /// Slots that migration and finished transactions wrote.
    written: BTreeMap<U256, U256>,
    /// Values written in the transaction under way. Slots of [`SCRATCH`] hold their places, from one on.
    values: Vec<U256>,
    /// Slots that the candidate used in the transaction under way, with their values before it: they are warm.
    used: BTreeMap<U256, U256>,
}

impl OwnStorage {
    pub(crate) fn new(base: FrozenView, written: BTreeMap<U256, U256>) -> Self {
        Self { base, written, values: Vec::new(), used: BTreeMap::new() }
    }

    /// A slot before the transaction under way.
    fn slot(&self, mount: Address, slot: U256) -> Result<U256, StateError> {
        self.written.get(&slot).map_or_else(|| self.base.storage(mount, slot), |value| Ok(*value))
    }

    /// Puts the copy in the place of the engine's own storage, in a copy of the journal.
    pub(crate) fn enter(&self, mount: Address, journal: &mut JournalInner<JournalEntry>) {
        let noted = journal.state.get(&SCRATCH).map(|scratch| scratch.storage.clone()).unwrap_or_default();
        let Some(account) = journal.state.get_mut(&mount) else { return };
        let place = |slot: &U256| noted.get(slot).and_then(|noted| usize::try_from(noted.present_value).ok());
        let storage = self.used.iter().map(|(slot, before)| {
            let now = place(slot).and_then(|place| self.values.get(place.checked_sub(1)?)).unwrap_or(before);
            (*slot, EvmStorageSlot::new_changed(*before, *now, journal.transaction_id))
        });
        account.storage = EvmStorage::from_iter(storage);
    }

    /// Remembers what a run on that copy used.
    pub(crate) fn leave(&mut self, mount: Address, journal: &JournalInner<JournalEntry>) {
        let Some(account) = journal.state.get(&mount) else { return };
        self.used.extend(account.storage.iter().map(|(slot, value)| (*slot, value.original_value)));
    }

    /// Keeps what a run wrote, until the EVM undoes the call that it shadowed.
    pub(crate) fn note(&mut self, ctx: &mut Ctx<'_>, written: BTreeMap<U256, U256>) -> Result<(), ExecutionError> {
        if written.is_empty() {
            return Ok(());
        }
        ctx.journal_mut().load_account(SCRATCH).map_err(|error| ExecutionError::Evm(error.to_string()))?;
        let journal = &mut ctx.journaled_state.inner;
        let Some(scratch) = journal.state.get_mut(&SCRATCH) else { return Ok(()) };
        for (slot, value) in written {
            self.values.push(value);
            let fresh = || EvmStorageSlot::new(U256::ZERO, journal.transaction_id);
            let noted = scratch.storage.entry(slot).or_insert_with(fresh);
            journal.journal.push(JournalEntry::storage_changed(SCRATCH, slot, noted.present_value));
            noted.present_value = U256::from(self.values.len());
        }
        Ok(())
    }

    /// Settles a finished transaction: what is still noted was not undone.
    pub(crate) fn settle(&mut self, changes: &mut AddressMap<EvmAccount>) {
        let noted = changes.get_mut(&SCRATCH).map(|scratch| std::mem::take(&mut scratch.storage)).unwrap_or_default();
        for (slot, noted) in noted {
            let place = usize::try_from(noted.present_value).ok().and_then(|place| place.checked_sub(1));
            if let Some(value) = place.and_then(|place| self.values.get(place)) {
                self.written.insert(slot, *value);
            }
        }
        self.values.clear();
        self.used.clear();
    }
}

/// What the candidate's database stands on: the block's state so far, with its own storage in the engine's place.
pub(super) struct Layered<'b, 'a> {
    pub(super) db: &'b ViewDb<'a>,
    pub(super) own: Option<(Address, &'b OwnStorage)>,
}

impl StateView for Layered<'_, '_> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        self.db.account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        match self.own {
            Some((mount, own)) if mount == address => own.slot(mount, slot),
            _ => self.db.slot(address, slot),
        }
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        self.db.code(hash)
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        self.db.block_hash(number)
    }
}
