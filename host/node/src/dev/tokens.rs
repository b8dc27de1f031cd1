//! Two ERC-20 tokens that `finance` has from block 0, because the clearing engine's first state names them.
//!
//! Their code and storage are what `examples/contracts/Token.sol`'s own constructor made: it is run here, on an empty state,
//! and its account is then put at a fixed, readable address. So no storage layout is written down twice.

use alloy_consensus::{SignableTransaction, TxEnvelope, TxLegacy};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, address};
use alloy_sol_types::{SolConstructor, sol};
use caldera_engine::Engines;
use caldera_execution::{BlockExecutor, GenesisAccount, Ground, NoComponents};
use caldera_state::{Account, MemoryView};
use caldera_types::limits;
use serde::Deserialize;

use super::DevError;
use crate::config::genesis_env;

sol! {
    /// `examples/contracts/Token.sol`, as far as it is called here.
    contract TokenContract {
        constructor(string name_, string symbol_, uint8 decimals_, address[] holders, uint256[] amounts);
    }
}

/// A test token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Where it is.
    pub address: Address,
    /// Name.
    pub name: &'static str,
    /// Symbol.
    pub symbol: &'static str,
    /// Decimals.
    pub decimals: u8,
    /// Whole tokens that each of the ten accounts has.
    pub each: u64,
}

/// Money and collateral.
pub const TOKENS: [Token; 2] = [
    Token {
        address: address!("000000000000000000000000000000000000E05D"),
        name: "Test US Dollar",
        symbol: "tUSD",
        decimals: 6,
        each: 1_000_000_000_000,
    },
    Token {
        address: address!("000000000000000000000000000000000000B17C"),
        name: "Test Bitcoin",
        symbol: "tBTC",
        decimals: 8,
        each: 1_000_000,
    },
];

impl Token {
    /// This many whole tokens, in units.
    pub fn units(&self, whole: u64) -> U256 {
        U256::from(whole) * U256::from(10).pow(U256::from(self.decimals))
    }
}

/// What the compiler made of a contract.
#[derive(Deserialize)]
struct Artifact {
    bytecode: Bytes,
}

/// Creation code of `Token.sol`.
pub fn artifact() -> Result<Bytes, DevError> {
    let artifact: Artifact = serde_json::from_str(include_str!("../../../../examples/contracts/out/Token.json"))
        .map_err(|error| DevError::Token(format!("Token.json: {error}")))?;
    Ok(artifact.bytecode)
}

/// The account that the constructor leaves, deployed by `owner` with the supply given to `holders`.
pub(super) fn genesis_account(
    engines: &Engines,
    token: &Token,
    owner: Address,
    holders: &[Address],
) -> Result<GenesisAccount, DevError> {
    let failed = |why: String| DevError::Token(format!("{}: {why}", token.symbol));
    let constructor = TokenContract::constructorCall {
        name_: token.name.to_owned(),
        symbol_: token.symbol.to_owned(),
        decimals_: token.decimals,
        holders: holders.to_vec(),
        amounts: vec![token.units(token.each); holders.len()],
    };
    let input = [artifact()?.as_ref(), &constructor.abi_encode()].concat();
    let mut view = MemoryView::default();
    view.set_account(owner, Account { balance: U256::from(u64::MAX), ..Default::default() });
    let ground = Ground { view: &view, engines, components: &NoComponents };
    let mut env = genesis_env(0, 0, limits::BLOCK_GAS, Address::ZERO);
    env.base_fee = 0;
    let mut block = BlockExecutor::begin(ground, env).map_err(|error| failed(error.to_string()))?;
    let receipt = block.apply(&creation(input.into()), owner).map_err(|error| failed(error.to_string()))?;
    let created = receipt.contract_address.filter(|_| receipt.succeeded());
    let created = created.ok_or_else(|| failed("its constructor reverted".to_owned()))?;
    let diff = block.finish().map_err(|error| failed(error.to_string()))?.diff;
    let account = diff.accounts.get(&created).and_then(|change| Some((change.account?, change)));
    let (account, change) = account.ok_or_else(|| failed("its constructor left no account".to_owned()))?;
    let code = diff.codes.get(&account.code_hash).cloned().unwrap_or_default();
    Ok(GenesisAccount { balance: U256::ZERO, nonce: account.nonce, code, storage: change.storage.clone() })
}

/// The deployment. Execution takes the sender's word from its caller, so the signature says nothing.
fn creation(input: Bytes) -> TxEnvelope {
    let tx = TxLegacy { gas_limit: limits::TX_GAS, to: TxKind::Create, input, ..Default::default() };
    tx.into_signed(Signature::test_signature()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use caldera_engine::EngineOptions;

    #[test]
    fn the_constructor_fills_the_account() {
        let engines = Engines::new(EngineOptions { instances: 8 }).unwrap();
        let holders = [Address::repeat_byte(1), Address::repeat_byte(2)];
        let account = genesis_account(&engines, &TOKENS[0], holders[0], &holders).unwrap();
        assert_eq!(account.nonce, 1);
        assert!(account.code.len() > 1000);
        let supply = TOKENS[0].units(2 * TOKENS[0].each);
        assert_eq!(account.storage.values().filter(|value| **value == supply).count(), 1, "the total supply");
        let each = TOKENS[0].units(TOKENS[0].each);
        assert_eq!(account.storage.values().filter(|value| **value == each).count(), 2, "the balances");
    }

    #[test]
    fn addresses_are_apart_and_free() {
        assert_ne!(TOKENS[0].address, TOKENS[1].address);
        for token in TOKENS {
            assert!(U256::from_be_slice(token.address.as_slice()) >= U256::from(0x1000));
        }
    }
}
