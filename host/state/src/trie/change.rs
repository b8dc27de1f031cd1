//! What a block does to one trie: new values by hashed key, in the order of the keys.

use alloy_primitives::{Address, U256, keccak256};
use alloy_rlp::Decodable;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount};

use super::{below::At, sealed::Sink, slot_key, update::Update};
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
    pub before: Option<Before<'a>>,
}

/// A value as it is stored; of an account, with where the root of its storage lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before<'a> {
    pub value: &'a [u8],
    pub below: Option<At>,
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

    /// The value, and where the root of an account's storage lies. Here that gets its root, one descent within the other.
    pub fn value(&self, update: &Update<'_>, sink: &mut Sink) -> Result<(Vec<u8>, Option<At>), StateError> {
        Ok(match self.edit {
            Edit::Remove | Edit::Keep => self.before.map_or((Vec::new(), None), |b| (b.value.to_vec(), b.below)),
            Edit::Word(word) => (alloy_rlp::encode(word), None),
            Edit::Account(address, Account { nonce, balance, code_hash }, change) => {
                let before = self.before.filter(|_| !change.clears_storage());
                let (root, at) = match before {
                    Some(before) => (read_account(before.value)?.storage_root, before.below.unwrap_or_default()),
                    None => (EMPTY_ROOT_HASH, At::default()),
                };
                let (storage_root, at) = update.root_after(root, at, &of_slots(change), sink)?;
                let account = TrieAccount { nonce, balance, storage_root, code_hash };
                sink.account(address, account, at);
                (alloy_rlp::encode(account), Some(at).filter(|_| storage_root != EMPTY_ROOT_HASH))
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
