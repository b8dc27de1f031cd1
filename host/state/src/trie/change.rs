//! What a block does to one trie: new values by hashed key, in the order of the keys.

use alloy_primitives::{Address, U256, keccak256};
use alloy_rlp::Decodable;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount};

use super::{sealed::Sink, slot_key, update::Update};
use crate::{
    diff::{AccountDiff, StateDiff},
    error::StateError,
    view::Account,
};

/// What becomes of one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change<'a> {
    /// The hashed key, 64 nibbles.
    pub key: Nibbles,
    pub edit: Edit<'a>,
    /// What stands under the key, once the descent has met it.
    pub before: Option<&'a [u8]>,
}

/// What comes under a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edit<'a> {
    /// Nothing.
    Remove,
    /// What is there already.
    Keep,
    /// A word that is not zero.
    Word(U256),
    /// An account, over the storage that it had.
    Account(Address, Account, &'a AccountDiff),
}

impl Change<'_> {
    /// Whether something is under the key afterwards.
    pub fn puts(&self) -> bool {
        !matches!(self.edit, Edit::Remove)
    }

    /// The value. Here an account's storage gets its root, one descent within the other.
    pub fn value(&self, update: &Update<'_>, sink: &mut Sink) -> Result<Vec<u8>, StateError> {
        Ok(match self.edit {
            Edit::Remove | Edit::Keep => self.before.unwrap_or_default().to_vec(),
            Edit::Word(word) => alloy_rlp::encode(word),
            Edit::Account(address, Account { nonce, balance, code_hash }, change) => {
                let before = self.before.filter(|_| !change.clears_storage()).map(read_account).transpose()?;
                let storage_root = before.map_or(EMPTY_ROOT_HASH, |before| before.storage_root);
                let storage_root = update.root_after(storage_root, &of_slots(change), sink)?;
                let account = TrieAccount { nonce, balance, storage_root, code_hash };
                sink.account(address, account);
                alloy_rlp::encode(account)
            }
        })
    }
}

/// The changes to the trie of accounts.
pub(super) fn of_accounts(diff: &StateDiff) -> Vec<Change<'_>> {
    let changes = diff.accounts.iter().map(|(address, change)| {
        let edit = change.account.map_or(Edit::Remove, |account| Edit::Account(*address, account, change));
        new(address.as_slice(), edit)
    });
    in_order(changes.collect())
}

fn of_slots(change: &AccountDiff) -> Vec<Change<'_>> {
    let changes = change.written_storage().map(|(slot, value)| {
        let edit = if value.is_zero() { Edit::Remove } else { Edit::Word(*value) };
        new(&slot_key(*slot), edit)
    });
    in_order(changes.collect())
}

fn new<'a>(key: &[u8], edit: Edit<'a>) -> Change<'a> {
    Change { key: Nibbles::unpack_array(&keccak256(key).0), edit, before: None }
}

fn in_order(mut changes: Vec<Change<'_>>) -> Vec<Change<'_>> {
    changes.sort_unstable_by_key(|change| change.key);
    changes
}

/// An account as the trie holds it.
pub(crate) fn read_account(mut bytes: &[u8]) -> Result<TrieAccount, StateError> {
    TrieAccount::decode(&mut bytes).map_err(|_| StateError::Damaged { what: "account in the trie" })
}
