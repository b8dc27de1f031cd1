//! The ten accounts of the mnemonic that every Ethereum tool knows, and four more for the validators. Their keys are public:
//! never for real money.

use alloy_primitives::{Address, B256, U256};
use alloy_signer_local::{LocalSignerError, MnemonicBuilder, PrivateKeySigner};

/// The well-known test mnemonic.
pub const MNEMONIC: &str = "test test test test test test test test test test test junk";
/// How many of its accounts are funded.
const ACCOUNTS: u32 = 10;
/// How many validators certify each chain.
const VALIDATORS: u32 = 4;
/// Ether of each on each chain.
const FUNDS_ETHER: u64 = 10_000;

/// One of the ten.
#[derive(Clone)]
pub struct Account {
    /// Signs for it.
    pub signer: PrivateKeySigner,
}

impl Account {
    /// Its address.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// Its key, which is public anyway.
    pub fn private_key(&self) -> B256 {
        self.signer.to_bytes()
    }
}

/// The ten, in the order of their derivation (m/44'/60'/0'/0/n).
pub fn accounts() -> Result<Vec<Account>, LocalSignerError> {
    derived(0..ACCOUNTS)
}

/// The four after them, whose bonds answer for the validators. Not of the ten, so that these have on every chain what every
/// tool expects: all their money, and no nonce used. The first links the chains.
pub(super) fn validators() -> Result<Vec<Account>, LocalSignerError> {
    derived(ACCOUNTS..ACCOUNTS + VALIDATORS)
}

fn derived(places: std::ops::Range<u32>) -> Result<Vec<Account>, LocalSignerError> {
    let parent = MnemonicBuilder::from_phrase(MNEMONIC).build_parent_key()?;
    places.map(|index| Ok(Account { signer: parent.child(index)?.signer() })).collect()
}

/// Account 0: governor of the three chains, owner of the tokens, operator of clearing.
pub fn governor() -> Result<PrivateKeySigner, LocalSignerError> {
    MnemonicBuilder::try_from_phrase_nth(MNEMONIC, 0)
}

/// Wei of each account on each chain.
pub(super) fn funds() -> U256 {
    U256::from(FUNDS_ETHER) * U256::from(10).pow(U256::from(18))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As printed by hardhat, anvil and every other tool.
    #[test]
    fn the_accounts_are_those_that_everybody_knows() {
        let accounts = accounts().unwrap();
        assert_eq!(accounts.len(), 10);
        assert_eq!(accounts[0].address().to_string(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        assert_eq!(accounts[9].address().to_string(), "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720");
        assert_eq!(
            accounts[0].private_key().to_string(),
            "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
        );
        assert_eq!(governor().unwrap().address(), accounts[0].address());
    }
}
