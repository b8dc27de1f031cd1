//! The parent's state with the block's changes so far on top, as revm reads it.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, map::AddressMap};
use caldera_state::{Account, AccountDiff, StateDiff, StateError, StateView};
use revm::{
    Database, DatabaseRef,
    database_interface::DBErrorMarker,
    state::{Account as EvmAccount, AccountInfo, Bytecode},
};

/// Reads fall through the diff to the view; finished transactions are folded into the diff.
pub(crate) struct ViewDb<'a> {
    view: &'a dyn StateView,
    diff: StateDiff,
    /// Block hashes of a question's own, which come first; with them, a block that is not known hashes to zero. None in a
    /// block that is made or checked.
    asked_hashes: Option<BTreeMap<u64, B256>>,
}

/// A read of the view that failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct ViewError(#[from] pub(crate) StateError);

impl DBErrorMarker for ViewError {}

impl<'a> ViewDb<'a> {
    pub(crate) fn new(view: &'a dyn StateView) -> Self {
        Self { view, diff: StateDiff::default(), asked_hashes: None }
    }

    /// For a question: the view with `diff` on top, in which `hashes` are block hashes.
    pub(crate) fn asked(view: &'a dyn StateView, diff: StateDiff, hashes: BTreeMap<u64, B256>) -> Self {
        Self { view, diff, asked_hashes: Some(hashes) }
    }

    /// The parent's state, without what the block changed.
    pub(crate) fn parent(&self) -> &'a dyn StateView {
        self.view
    }

    /// Puts changes on top of those there are.
    pub(crate) fn merge(&mut self, changes: StateDiff) {
        self.diff.merge(changes);
    }

    /// An account as the block has left it so far.
    pub(crate) fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        match self.diff.accounts.get(&address) {
            Some(changed) => Ok(changed.account),
            None => self.view.account(address),
        }
    }

    /// Code, that of the block included.
    pub(crate) fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        self.diff.codes.get(&hash).map_or_else(|| self.view.code(hash), |code| Ok(code.clone()))
    }

    /// A slot as the block has left it so far.
    pub(crate) fn slot(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        if let Some(changed) = self.diff.accounts.get(&address) {
            if let Some(value) = changed.storage.get(&slot) {
                return Ok(*value);
            }
            if changed.wiped {
                return Ok(U256::ZERO);
            }
        }
        self.view.storage(address, slot)
    }

    /// The hash of an earlier block.
    pub(crate) fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        let Some(asked) = &self.asked_hashes else { return self.view.block_hash(number) };
        if let Some(hash) = asked.get(&number) {
            return Ok(*hash);
        }
        match self.view.block_hash(number) {
            Err(StateError::UnknownBlock(_)) => Ok(B256::ZERO),
            known => known,
        }
    }

    /// What the block changed, consuming the database.
    pub(crate) fn into_diff(self) -> StateDiff {
        self.diff
    }

    /// Whether folding a journal would change anything.
    pub(crate) fn changed_by(&self, journal: &AddressMap<EvmAccount>) -> bool {
        Self { view: self.view, diff: StateDiff::default(), asked_hashes: None }.fold(journal.clone())
    }

    /// Folds a finished transaction's journal into the diff; tells whether anything changed.
    pub(crate) fn fold(&mut self, journal: AddressMap<EvmAccount>) -> bool {
        let mut changed = false;
        for (address, account) in journal {
            if account.is_touched() {
                changed |= self.fold_account(address, account);
            }
        }
        changed
    }

    fn fold_account(&mut self, address: Address, account: EvmAccount) -> bool {
        // EIP-161: an empty account is no account. EIP-6780: destroyed in the transaction that created it.
        let gone = account.is_selfdestructed() || account.is_empty();
        if gone && account.is_loaded_as_not_existing() {
            return false;
        }
        let after = (!gone).then(|| to_account(&account.info));
        if let (Some(account_after), Some(code)) = (&after, &account.info.code)
            && account_after.code_hash != KECCAK256_EMPTY
            && !code.is_empty()
        {
            self.diff.codes.entry(account_after.code_hash).or_insert_with(|| code.original_bytes());
        }
        let before = to_account(&account.original_info());
        let info_changed = account.is_created() || gone || before != to_account(&account.info);
        let storage: Vec<_> = account
            .storage
            .iter()
            .filter(|(_, slot)| slot.is_changed())
            .map(|(key, slot)| (*key, slot.present_value()))
            .collect();
        if !info_changed && storage.is_empty() {
            return false;
        }
        let entry = self.diff.accounts.entry(address).or_insert_with(|| AccountDiff {
            account: None,
            wiped: false,
            storage: Default::default(),
        });
        if gone || account.is_created() {
            entry.wiped = true;
            entry.storage.clear();
        }
        entry.account = after;
        if !gone {
            entry.storage.extend(storage);
        }
        true
    }
}

fn to_account(info: &AccountInfo) -> Account {
    Account { nonce: info.nonce, balance: info.balance, code_hash: info.code_hash }
}

impl DatabaseRef for ViewDb<'_> {
    type Error = ViewError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, ViewError> {
        Ok(self.account(address)?.map(|a| {
            AccountInfo { balance: a.balance, nonce: a.nonce, code_hash: a.code_hash, ..Default::default() }
                .without_code()
        }))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, ViewError> {
        // Asked of accounts without code, too, when they are traced.
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        let code = self.code(code_hash)?;
        // Only a damaged delegation designator (EIP-7702) fails here; execution never stored one.
        Ok(Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code)))
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, ViewError> {
        Ok(self.slot(address, slot)?)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, ViewError> {
        Ok(self.block_hash(number)?)
    }
}

impl Database for ViewDb<'_> {
    type Error = ViewError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, ViewError> {
        self.basic_ref(address)
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, ViewError> {
        self.code_by_hash_ref(code_hash)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, ViewError> {
        self.storage_ref(address, slot)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, ViewError> {
        self.block_hash_ref(number)
    }
}
