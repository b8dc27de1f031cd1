//! What a run left in the journal, net: how much was written on the way there does not matter.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, Log, U256};
use caldera_engine::{Subcall, SubcallResult};
use revm::{
    JournalEntry,
    context::journal::JournalInner,
    state::{AccountInfo, EvmState},
};

use super::own::SCRATCH;

/// A place in a journal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mark {
    entries: usize,
    logs: usize,
}

impl Mark {
    /// The journal's end.
    pub(crate) fn end(journal: &JournalInner<JournalEntry>) -> Self {
        Self { entries: journal.journal.len(), logs: journal.logs.len() }
    }
}

/// Balance, nonce and code of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Info {
    pub(crate) balance: U256,
    pub(crate) nonce: u64,
    pub(crate) code_hash: B256,
}

impl From<&AccountInfo> for Info {
    fn from(info: &AccountInfo) -> Self {
        Self { balance: info.balance, nonce: info.nonce, code_hash: info.code_hash }
    }
}

/// Net changes of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    /// Slots after the run, by account.
    pub(crate) storage: BTreeMap<(Address, U256), U256>,
    /// Accounts after the run.
    pub(crate) accounts: BTreeMap<Address, Info>,
    /// Logs in order.
    pub(crate) logs: Vec<Log>,
}

impl Effects {
    /// What stands in the journal since `mark`. What a nested call wrote and lost again is no longer there.
    pub(crate) fn since(mark: Mark, journal: &JournalInner<JournalEntry>) -> Self {
        let entries = journal.journal.get(mark.entries..).unwrap_or_default();
        let (mut before_slots, mut before) = (BTreeMap::new(), BTreeMap::new());
        // Backwards, so that what stands at the end of the walk is the state before the run.
        for entry in entries.iter().rev() {
            undo(entry, &journal.state, &mut before_slots, &mut before);
        }
        let slot = |address: &Address, key: &U256| {
            journal.state.get(address).and_then(|account| account.storage.get(key)).map_or(U256::ZERO, |s| s.present_value)
        };
        let changed = before_slots.into_iter().filter(|((address, _), _)| *address != SCRATCH);
        let storage = changed
            .map(|((address, key), old)| ((address, key), old, slot(&address, &key)))
            .filter(|(_, old, new)| old != new)
            .map(|(place, _, new)| (place, new));
        let accounts = before.into_iter().filter_map(|(address, old): (Address, Info)| {
            let new = Info::from(&journal.state.get(&address)?.info);
            (new != old).then_some((address, new))
        });
        let logs = journal.logs.get(mark.logs..).unwrap_or_default().to_vec();
        Self { storage: storage.collect(), accounts: accounts.collect(), logs }
    }

    /// Takes the slots of one account out.
    pub(crate) fn take_storage(&mut self, of: Address) -> BTreeMap<U256, U256> {
        let (own, others) = std::mem::take(&mut self.storage).into_iter().partition(|((address, _), _)| *address == of);
        self.storage = others;
        let own: BTreeMap<(Address, U256), U256> = own;
        own.into_iter().map(|((_, slot), value)| (slot, value)).collect()
    }
}

/// Takes one entry back, as revm does on a revert, in `slots` and `infos` instead of in the state.
fn undo(
    entry: &JournalEntry,
    state: &EvmState,
    slots: &mut BTreeMap<(Address, U256), U256>,
    infos: &mut BTreeMap<Address, Info>,
) {
    let mut change = |address: &Address, how: &dyn Fn(&mut Info)| {
        if let Some(account) = state.get(address) {
            how(infos.entry(*address).or_insert_with(|| Info::from(&account.info)));
        }
    };
    match entry {
        JournalEntry::StorageChanged { address, key, had_value } => {
            slots.insert((*address, *key), *had_value);
        }
        JournalEntry::BalanceChange { address, old_balance } => change(address, &|info| info.balance = *old_balance),
        JournalEntry::BalanceTransfer { from, to, balance } => {
            change(from, &|info| info.balance = info.balance.wrapping_add(*balance));
            change(to, &|info| info.balance = info.balance.wrapping_sub(*balance));
        }
        JournalEntry::AccountDestroyed { address, target, had_balance, .. } => {
            change(address, &|info| info.balance = info.balance.wrapping_add(*had_balance));
            if address != target {
                change(target, &|info| info.balance = info.balance.wrapping_sub(*had_balance));
            }
        }
        JournalEntry::NonceChange { address, previous_nonce } => change(address, &|info| info.nonce = *previous_nonce),
        JournalEntry::NonceBump { address } => change(address, &|info| info.nonce = info.nonce.saturating_sub(1)),
        JournalEntry::AccountCreated { address, .. } => change(address, &|info| info.nonce = 0),
        JournalEntry::CodeChange { address, had_code_hash, .. } => {
            change(address, &|info| info.code_hash = *had_code_hash);
        }
        JournalEntry::AccountWarmed { .. }
        | JournalEntry::AccountTouched { .. }
        | JournalEntry::StorageWarmed { .. }
        | JournalEntry::TransientStorageChange { .. } => {}
    }
}

/// A sub-call that an engine made, and how it ended. The gas it offered is a matter of fuel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubcallRecord {
    pub(crate) to: Address,
    pub(crate) value: U256,
    pub(crate) input: Bytes,
    pub(crate) is_static: bool,
    pub(crate) result: SubcallResult,
}

impl SubcallRecord {
    pub(crate) fn new(call: &Subcall<'_>, result: &SubcallResult) -> Self {
        Self {
            to: call.to,
            value: call.value,
            input: Bytes::copy_from_slice(call.input),
            is_static: call.is_static,
            result: result.clone(),
        }
    }
}
