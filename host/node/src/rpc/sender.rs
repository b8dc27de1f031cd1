//! Signs one account's transactions, counting its nonces here, so that many can be under way at once.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, TxHash, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;

use super::{Rpc, RpcError};

/// What a sender offers for gas, in wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fees {
    /// Most per gas, the tip included.
    pub max: u128,
    /// Tip per gas.
    pub tip: u128,
}

impl Fees {
    /// Thirty times the going price: the base fee grows by an eighth at most with each full block, so a transaction
    /// stays good for the 28 blocks after this one, however full they are. Only the going price is paid.
    pub async fn ask(rpc: &Rpc) -> Result<Self, RpcError> {
        let price = rpc.gas_price().await?.max(1);
        Ok(Self { max: price * 30, tip: (price / 100).max(1) })
    }
}

/// A transaction ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTx {
    /// Its hash.
    pub hash: TxHash,
    /// Who signed it.
    pub from: Address,
    /// Its place among its sender's.
    pub nonce: u64,
    /// Its encoding (EIP-2718).
    pub raw: Bytes,
}

/// One account that signs.
pub struct Sender {
    signer: PrivateKeySigner,
    chain_id: u64,
    nonce: u64,
    fees: Fees,
}

impl Sender {
    /// An account whose next nonce is known.
    pub fn new(signer: PrivateKeySigner, chain_id: u64, nonce: u64, fees: Fees) -> Self {
        Self { signer, chain_id, nonce, fees }
    }

    /// An account whose next nonce the chain says.
    pub async fn ask(rpc: &Rpc, signer: PrivateKeySigner) -> Result<Self, RpcError> {
        let nonces = rpc.nonces(&[signer.address()], "pending").await?;
        let nonce = nonces.first().copied().unwrap_or_default();
        Ok(Self::new(signer, rpc.chain_id().await?, nonce, Fees::ask(rpc).await?))
    }

    /// Whose transactions these are.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// The next transaction's nonce.
    pub fn nonce(&self) -> u64 {
        self.nonce
    }

    /// Offers other fees from now on.
    pub fn set_fees(&mut self, fees: Fees) {
        self.fees = fees;
    }

    /// Signs a call.
    pub fn call(&mut self, to: Address, call: &impl SolCall, gas_limit: u64) -> Result<SignedTx, RpcError> {
        self.sign(to, U256::ZERO, call.abi_encode().into(), gas_limit)
    }

    /// Signs a transfer of wei.
    pub fn pay(&mut self, to: Address, wei: U256) -> Result<SignedTx, RpcError> {
        self.sign(to, wei, Bytes::new(), 21_000)
    }

    /// Signs the next transaction.
    pub fn sign(&mut self, to: Address, value: U256, input: Bytes, gas_limit: u64) -> Result<SignedTx, RpcError> {
        let tx = TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit,
            max_fee_per_gas: self.fees.max,
            max_priority_fee_per_gas: self.fees.tip,
            to: TxKind::Call(to),
            value,
            input,
            ..Default::default()
        };
        let signature = self.signer.sign_hash_sync(&tx.signature_hash())?;
        let envelope: TxEnvelope = tx.into_signed(signature).into();
        let nonce = self.nonce;
        self.nonce += 1;
        Ok(SignedTx { hash: *envelope.tx_hash(), from: self.address(), nonce, raw: envelope.encoded_2718().into() })
    }
}
