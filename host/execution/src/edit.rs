//! Changing a development chain's state by hand: what a test sets up before its transactions run.
//!
//! An edit is a transaction of its block ([`caldera_types::edit_transaction`]) whose input is the ABI of a call that nothing
//! answers, so that the header commits to it, every client can decode it, and a replay does the same.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use alloy_sol_types::{SolCall, SolInterface, sol};
use caldera_state::{AccountDiff, StateDiff};
use revm::context_interface::{ContextTr, JournalTr};

use crate::{
    error::{ExecutionError, TxError, TxRefusal},
    evm::Ctx,
    registry,
};

sol! {
    /// What an edit's input says.
    interface IDevelopment {
        function setBalance(address account, uint256 balance) external;
        function setNonce(address account, uint64 nonce) external;
        function setCode(address account, bytes code) external;
        function setStorageAt(address account, uint256 slot, bytes32 value) external;
    }
}

/// One change of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateEdit {
    /// An account's wei.
    Balance {
        /// Which account.
        address: Address,
        /// Wei afterwards.
        balance: U256,
    },
    /// An account's next nonce.
    Nonce {
        /// Which account.
        address: Address,
        /// The nonce afterwards.
        nonce: u64,
    },
    /// An account's code. Empty code takes it away.
    Code {
        /// Which account: no engine and not the registry, whose code says what runs there.
        address: Address,
        /// The code afterwards.
        code: Bytes,
    },
    /// One word of an account's storage.
    Slot {
        /// Which account: not the registry, whose records must read back.
        address: Address,
        /// Which slot.
        slot: U256,
        /// The word afterwards.
        value: B256,
    },
}

impl StateEdit {
    /// The input of the transaction that makes the change.
    pub fn input(&self) -> Bytes {
        match self.clone() {
            Self::Balance { address: account, balance } => {
                IDevelopment::setBalanceCall { account, balance }.abi_encode()
            }
            Self::Nonce { address: account, nonce } => IDevelopment::setNonceCall { account, nonce }.abi_encode(),
            Self::Code { address: account, code } => IDevelopment::setCodeCall { account, code }.abi_encode(),
            Self::Slot { address: account, slot, value } => {
                IDevelopment::setStorageAtCall { account, slot, value }.abi_encode()
            }
        }
        .into()
    }

    pub(crate) fn decode(input: &[u8]) -> Option<Self> {
        use IDevelopment::IDevelopmentCalls as Calls;
        let edit = match Calls::abi_decode_validate(input).ok()? {
            Calls::setBalance(call) => Self::Balance { address: call.account, balance: call.balance },
            Calls::setNonce(call) => Self::Nonce { address: call.account, nonce: call.nonce },
            Calls::setCode(call) => Self::Code { address: call.account, code: call.code },
            Calls::setStorageAt(call) => Self::Slot { address: call.account, slot: call.slot, value: call.value },
        };
        Some(edit)
    }

    /// Makes the change, or says why it cannot be made.
    pub(crate) fn apply(self, ctx: &mut Ctx<'_>) -> Result<(), TxError> {
        let (Self::Balance { address, .. }
        | Self::Nonce { address, .. }
        | Self::Code { address, .. }
        | Self::Slot { address, .. }) = self;
        let is_registry = address == registry::ADDRESS;
        let breaks = match self {
            Self::Code { .. } => is_registry || ctx.chain.mount(address).is_some(),
            Self::Slot { .. } => is_registry,
            Self::Balance { .. } | Self::Nonce { .. } => false,
        };
        if breaks {
            let why = "what stands at the registry, and the code at an engine's address, says which engine runs: it is set by a swap alone";
            return Err(TxRefusal::Invalid(why.into()).into());
        }
        let db = ctx.journal_mut().db_mut();
        let before = db.account(address).map_err(ExecutionError::from)?;
        let mut account = before.unwrap_or_default();
        let (mut diff, mut storage) = (StateDiff::default(), None);
        match self {
            Self::Balance { balance, .. } => account.balance = balance,
            Self::Nonce { nonce, .. } => account.nonce = nonce,
            Self::Code { code, .. } if code.is_empty() => account.code_hash = KECCAK256_EMPTY,
            Self::Code { code, .. } => {
                account.code_hash = keccak256(&code);
                diff.codes.insert(account.code_hash, code);
            }
            Self::Slot { slot, value, .. } => storage = Some((slot, value.into())),
        }
        // EIP-161: an empty account is no account. One that only has storage stays until a transaction touches it.
        let stored = storage.is_some_and(|(_, value): (U256, U256)| before.is_some() || !value.is_zero());
        let stays = stored || !account.is_empty();
        let (account, storage) = (stays.then_some(account), storage.into_iter().collect());
        diff.accounts.insert(address, AccountDiff { account, wiped: false, storage });
        db.merge(diff);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_reads_back_from_its_input() {
        let address = Address::repeat_byte(7);
        for edit in [
            StateEdit::Balance { address, balance: U256::MAX },
            StateEdit::Nonce { address, nonce: u64::MAX },
            StateEdit::Code { address, code: Bytes::from_static(&[0x60; 70]) },
            StateEdit::Slot { address, slot: U256::from(3), value: B256::repeat_byte(9) },
        ] {
            assert_eq!(StateEdit::decode(&edit.input()), Some(edit));
        }
        assert_eq!(StateEdit::decode(b"none of these"), None);
    }
}
