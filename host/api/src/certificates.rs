//! What validators say of a chain: certificates, and the witnesses from which anybody can do their work.
//!
//! - `caldera_getCertificate(block)` → the certificate of a block with its committee, or null: not certified, or no committee.
//! - `caldera_getWitness(block)` → a block and its witness, as `caldera verify` takes them.

use std::collections::BTreeMap;

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Bytes, U64};
use caldera_chain::ChainError;
use caldera_types::{Certificate, Committee};
use caldera_validation::{ChainRules, WitnessFile};
use jsonrpsee_core::RegisterMethodError;
use serde_json::{Value, json};

use crate::{
    args::Args,
    context::ChainApi,
    errors::{Reply, RpcError},
    methods::{Param, param::BLOCK},
    module::Module,
};

/// No block is meant if none is named: the work is too much for a mistake.
const ANY_BLOCK: Param = Param::new("block", "BlockId");
/// Heights below the newest certificate that are looked at for one whose block is still the chain's.
const MOST_TAKEN_BACK: u64 = 4_096;

/// Adds the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "The certificate of a block: a committee's quorum executed it to the same hash and state root. Null if there is none.";
    module.blocking("caldera_getCertificate", about, &[BLOCK], "Certificate", certificate)?;
    let about =
        "A block and what it reads, from which it can be executed again with no database: see `caldera verify`.";
    module.blocking("caldera_getWitness", about, &[ANY_BLOCK], "Witness", witness)
}

impl ChainApi {
    /// Height of the newest certified block of the chain; of the head where there are no validators.
    pub(crate) fn safe_number(&self) -> u64 {
        let head = self.head_number();
        let Some(certified) = &self.certified else { return head };
        let newest = certified.newest().min(head);
        // Only a development chain takes blocks back; then the certificates of some say nothing.
        let lowest = newest.saturating_sub(MOST_TAKEN_BACK);
        (lowest.max(1)..=newest)
            .rev()
            .find(|number| self.certificate_of(*number).is_ok_and(|found| found.is_some()))
            .unwrap_or(0)
    }

    /// The certificate of the chain's block at a height.
    pub(crate) fn certificate_of(&self, number: u64) -> Reply<Option<Certificate>> {
        let Some(certified) = &self.certified else { return Ok(None) };
        let found = certified.certificate(number).map_err(|error| RpcError::Node(error.to_string()))?;
        let Some(found) = found else { return Ok(None) };
        let header = self.chain.header(number)?;
        Ok(header.is_some_and(|(hash, _)| hash == found.statement.block_hash).then_some(found))
    }
}

fn certificate(api: &ChainApi, args: &mut Args<'_>) -> Reply<Value> {
    let block = args.next::<Option<BlockId>>()?.unwrap_or(BlockId::Number(BlockNumberOrTag::Safe));
    let number = api.existing(Some(block))?;
    let (Some(certified), Some(found)) = (&api.certified, api.certificate_of(number)?) else { return Ok(Value::Null) };
    Ok(shown(certified.committee(), &found))
}

fn shown(committee: &Committee, certificate: &Certificate) -> Value {
    let statement = &certificate.statement;
    // It was read by this committee, so the form is right.
    let signers = certificate.signers(committee).unwrap_or_default();
    let members = committee
        .members()
        .iter()
        .map(|member| json!({ "key": member.key, "weight": U64::from(member.weight), "owner": member.owner }));
    json!({
        "statement": {
            "chainId": U64::from(statement.chain_id),
            "height": U64::from(statement.height),
            "blockHash": statement.block_hash,
            "stateRoot": statement.state_root,
            "epoch": U64::from(statement.epoch),
            "committeeRoot": statement.committee_root,
            "finality": U64::from(statement.finality.code()),
        },
        "message": Bytes::from(statement.encode().to_vec()),
        "bitmap": Bytes::from(certificate.bitmap.clone()),
        "signers": signers.into_iter().map(U64::from).collect::<Vec<_>>(),
        "signature": certificate.signature,
        "encoded": Bytes::from(certificate.encode()),
        "committee": { "epoch": U64::from(committee.epoch()), "members": members.collect::<Vec<_>>() },
    })
}

fn witness(api: &ChainApi, args: &mut Args<'_>) -> Reply<Value> {
    let number = api.existing(Some(args.next()?))?;
    let witnessed = api.chain.witness(number).map_err(|error| match error {
        ChainError::NoWitness { .. } => RpcError::InvalidParams(error.to_string()),
        error => error.into(),
    })?;
    let mut components = BTreeMap::new();
    for digest in &witnessed.witness.components {
        let component = api.chain.component(*digest)?;
        let component =
            component.ok_or_else(|| RpcError::Node(format!("component {digest} is nowhere to be found")))?;
        components.insert(*digest, component);
    }
    let spec = api.chain.spec();
    let (chain_id, gas_limit, beneficiary) = (spec.chain_id(), spec.gas_limit(), spec.beneficiary());
    let rules = ChainRules { chain_id, gas_limit, beneficiary };
    let witness_bytes = witnessed.witness.encoded_bytes();
    let file = WitnessFile { rules, witness: witnessed.witness, components };
    Ok(json!({
        "number": U64::from(number),
        "hash": witnessed.block.hash(),
        "block": Bytes::from(alloy_rlp::encode(&*witnessed.block)),
        "witness": Bytes::from(file.encode()),
        "witnessBytes": U64::from(witness_bytes as u64),
    }))
}
