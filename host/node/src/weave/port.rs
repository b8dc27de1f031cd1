//! A chain of this node as links see it.

use std::sync::Arc;

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, B256, Bytes, LogData, TxKind, U256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall as _, SolError as _};
use caldera_chain::{Chain, FoundTransaction};
use caldera_execution::{SimulationRequest, SimulationResult};
use caldera_state::StateView as _;
use caldera_validation::Certified;
use caldera_weave::{Answer, Destination, Origin, PortError, Sent};
use weave_rules::{StateUnit, abi::Weave as abi, place, unit};

use super::Woven;

/// Gas of what is carried: `accept` takes 0.45 million with a committee of four, 2.2 million with one of 128; a token that is
/// unlocked runs its own code.
const GAS: u64 = 5_000_000;
/// How often the base fee of now is offered at most, so that full blocks do not outrun what waits. Only the going price is paid.
const FEE_ROOM: u128 = 30;
/// Heights below the newest certificate that are looked at for one whose block is still the chain's.
const MOST_TAKEN_BACK: u64 = 4_096;

pub(super) struct Port {
    chain: Arc<Chain>,
    certified: Arc<Certified>,
    engine: Address,
    signer: PrivateKeySigner,
}

impl Port {
    pub(super) fn new(woven: Woven, signer: PrivateKeySigner) -> Self {
        let Woven { chain, certified, engine } = woven;
        Self { chain, certified, engine, signer }
    }

    pub(super) fn name(&self) -> &str {
        self.chain.name()
    }

    /// What the carrier has there for gas.
    pub(super) fn balance(&self) -> Result<U256, PortError> {
        let view = self.chain.view(self.newest()).map_err(|error| self.failed(error))?;
        let account = view.account(self.signer.address()).map_err(|error| self.failed(error))?;
        Ok(account.map_or(U256::ZERO, |account| account.balance))
    }

    fn failed(&self, why: impl ToString) -> PortError {
        PortError { chain_id: self.chain.chain_id(), why: why.to_string() }
    }

    fn call(&self, height: u64, input: Bytes) -> Result<Answer, PortError> {
        let (from, to) = (self.signer.address(), TxKind::Call(self.engine));
        let request = SimulationRequest { from, to, gas: Some(GAS), input, ..Default::default() };
        match self.chain.simulate(height, &request).map_err(|error| self.failed(error))?.result {
            SimulationResult::Return(data) => Ok(Answer::Returned(data)),
            SimulationResult::Revert(data) => Ok(Answer::Reverted(data)),
            SimulationResult::Halt { reason, .. } => Err(self.failed(format!("the weave engine stopped: {reason}"))),
        }
    }

    /// The certificate of the chain's own block at a height: a development chain takes blocks back.
    fn certificate_of(&self, height: u64) -> Result<Option<Bytes>, PortError> {
        let Some(found) = self.certified.certificate(height).map_err(|error| self.failed(error))? else {
            return Ok(None);
        };
        let header = self.chain.header(height).map_err(|error| self.failed(error))?;
        let is_ours = header.is_some_and(|(hash, _)| hash == found.statement.block_hash);
        Ok(is_ours.then(|| found.encode().into()))
    }

    fn newest(&self) -> u64 {
        self.chain.head().number()
    }
}

impl Origin for Port {
    fn chain_id(&self) -> u64 {
        self.chain.chain_id()
    }

    fn certified(&self) -> Result<u64, PortError> {
        let newest = self.certified.newest().min(self.newest());
        for height in (newest.saturating_sub(MOST_TAKEN_BACK).max(1)..=newest).rev() {
            if self.certificate_of(height)?.is_some() {
                return Ok(height);
            }
        }
        Ok(0)
    }

    fn certificate(&self, height: u64) -> Result<Option<Bytes>, PortError> {
        self.certificate_of(height)
    }

    fn logs(&self, height: u64) -> Result<Vec<LogData>, PortError> {
        let bloom = self.chain.logs_bloom(height).map_err(|error| self.failed(error))?;
        if !bloom.is_some_and(|bloom| bloom.contains_input(alloy_primitives::BloomInput::Raw(self.engine.as_slice()))) {
            return Ok(Vec::new());
        }
        let block = self.chain.block(height).map_err(|error| self.failed(error))?;
        let block = block.ok_or_else(|| self.failed(format!("block {height} is not kept")))?;
        let logs = block.logs().map(|(_, log)| log).filter(|log| log.address == self.engine);
        Ok(logs.map(|log| log.data.clone()).collect())
    }

    fn unit(&self, height: u64, id: B256) -> Result<Option<StateUnit>, PortError> {
        match self.call(height, abi::unitOfCall { id }.abi_encode().into())? {
            Answer::Returned(data) => {
                abi::unitOfCall::abi_decode_returns(&data).map(Some).map_err(|error| self.failed(error))
            }
            Answer::Reverted(data) if abi::NotIssued::abi_decode(&data).is_ok() => Ok(None),
            Answer::Reverted(data) => Err(self.failed(format!("unitOf reverted with {data}"))),
        }
    }

    fn proof(&self, height: u64, id: B256) -> Result<abi::Proof, PortError> {
        let proof = self.chain.proof(height, self.engine, &[place::slot(id)]).map_err(|error| self.failed(error))?;
        let storage: Vec<u8> = proof.storage.iter().flat_map(|slot| slot.proof.concat()).collect();
        Ok(abi::Proof { height, accountProof: proof.proof.concat().into(), storageProof: storage.into() })
    }

    fn right_id(&self, kind: u8, owner: Address, key: B256) -> B256 {
        let (origin, issuer) = (self.chain.chain_id(), self.engine);
        unit::id(&StateUnit { kind, owner, key, origin, issuer, ..StateUnit::default() })
    }
}

impl Destination for Port {
    fn chain_id(&self) -> u64 {
        self.chain.chain_id()
    }

    fn ask(&self, input: Bytes) -> Result<Answer, PortError> {
        self.call(self.newest(), input)
    }

    fn submit(&self, input: Bytes) -> Result<B256, PortError> {
        let nonce = self.chain.next_nonce(self.signer.address()).map_err(|error| self.failed(error))?;
        let tip = self.chain.suggest_tip();
        let tx = TxEip1559 {
            chain_id: self.chain.chain_id(),
            nonce,
            gas_limit: GAS,
            max_fee_per_gas: u128::from(self.chain.next_base_fee()) * FEE_ROOM + tip,
            max_priority_fee_per_gas: tip,
            to: TxKind::Call(self.engine),
            value: U256::ZERO,
            input,
            ..Default::default()
        };
        let signature = self.signer.sign_hash_sync(&tx.signature_hash()).map_err(|error| self.failed(error))?;
        let envelope: TxEnvelope = tx.into_signed(signature).into();
        let address = self.signer.address();
        let hash = self.chain.submit(envelope, Vec::new());
        let hash = hash.map_err(|error| self.failed(format!("{error} (the carrier's account is {address})")))?;
        if self.chain.automines() {
            self.chain.mine_what_came().map_err(|error| self.failed(error))?;
        }
        Ok(hash)
    }

    fn sent(&self, hash: B256) -> Result<Sent, PortError> {
        Ok(match self.chain.transaction(hash).map_err(|error| self.failed(error))? {
            Some(FoundTransaction::Mined { .. }) => Sent::Mined,
            Some(FoundTransaction::Pending(_)) => Sent::Waits,
            None => Sent::Gone,
        })
    }

    fn head(&self) -> Result<u64, PortError> {
        Ok(self.newest())
    }

    fn logs(&self, height: u64) -> Result<Vec<LogData>, PortError> {
        Origin::logs(self, height)
    }
}
