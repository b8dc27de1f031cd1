//! `caldera weave link`: the governor of a chain's weave engine lets it believe another chain.
//!
//! What the origin says of its committee is checked here before anything is signed: each member's proof of possession, and that
//! this committee certifies the chain's blocks. That it is the right committee only the governor can know; he may name its root.

use std::{path::PathBuf, time::Duration};

use alloy_primitives::{Address, B256, Bytes, U64};
use caldera_types::{BlsKey, BlsSignature, Certificate, Committee};
use caldera_validation::{Registration, check_certificate, committee_of};
use jsonrpsee_core::rpc_params;
use serde::{Deserialize, Serialize};
use weave_rules::abi::Weave as abi;

use super::{WeaveCtlError, governor, sign};
use crate::{
    output::Report,
    rpc::{Rpc, RpcError, Watch},
};

const WITHIN: Duration = Duration::from_secs(60);
/// Proofs of possession that go into one transaction: each takes some 170,000 gas of the 16.7 million (EIP-7825).
const PROOFS_EACH: usize = 48;

/// What to link.
#[derive(Clone, Debug)]
pub struct LinkRequest {
    /// Where the weave engine is here.
    pub engine: Option<Address>,
    /// Where it is at the origin.
    pub origin_engine: Option<Address>,
    /// Blocks that a root may lie behind the newest one.
    pub max_lag: u64,
    /// What the committee's root must be.
    pub committee_root: Option<B256>,
    /// The governor's key, if not from the environment.
    pub key_file: Option<PathBuf>,
}

/// A chain is believed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Linked {
    event: &'static str,
    /// The chain that believes.
    pub chain_id: u64,
    /// The chain that is believed.
    pub origin: u64,
    /// Where its weave engine is.
    pub origin_engine: Address,
    /// Its committee's epoch, root and size.
    pub epoch: u64,
    /// The committee's root.
    pub committee_root: B256,
    /// How many members it has.
    pub members: usize,
    /// Functions of the engine that were called; none: all was so already.
    pub calls: Vec<&'static str>,
    /// The last block of these calls.
    pub block: Option<u64>,
    /// Gas of all of them.
    pub gas_used: u64,
}

#[derive(Deserialize)]
struct CertificateAnswer {
    encoded: Bytes,
    committee: CommitteeAnswer,
}

#[derive(Deserialize)]
struct CommitteeAnswer {
    epoch: U64,
    members: Vec<MemberAnswer>,
}

#[derive(Deserialize)]
struct MemberAnswer {
    key: BlsKey,
    weight: U64,
    owner: Address,
    possession: Option<BlsSignature>,
}

/// The committee that certifies a chain, checked, with what its members handed in.
async fn committee(origin: &Rpc, chain_id: u64) -> Result<(Committee, Vec<Registration>), WeaveCtlError> {
    let bad = |why: String| WeaveCtlError::BadCommittee { chain_id, why };
    let answer: Option<CertificateAnswer> = origin.request("caldera_getCertificate", rpc_params![]).await?;
    let answer = answer.ok_or(WeaveCtlError::NoCommittee(chain_id))?;
    let registration = |(place, member): (usize, &MemberAnswer)| {
        let MemberAnswer { key, weight, owner, possession } = *member;
        let possession = possession.ok_or_else(|| bad(format!("member {place} shows no proof of possession")))?;
        Ok(Registration { key, possession, weight: weight.to(), owner })
    };
    let members = answer.committee.members.iter().enumerate().map(registration);
    let members = members.collect::<Result<Vec<_>, WeaveCtlError>>()?;
    let committee = committee_of(answer.committee.epoch.to(), &members)
        .map_err(|why| WeaveCtlError::bad_committee(chain_id, why))?;
    let certificate = Certificate::decode(&answer.encoded).map_err(|error| bad(error.to_string()))?;
    check_certificate(&committee, &certificate).map_err(|error| bad(error.to_string()))?;
    if certificate.statement.chain_id != chain_id {
        return Err(bad(format!("what it certified is of chain {}", certificate.statement.chain_id)));
    }
    Ok((committee, members))
}

/// Sets what is not set yet.
pub async fn link(rpc: &Rpc, origin: &Rpc, request: &LinkRequest) -> Result<Linked, WeaveCtlError> {
    let (chain_id, origin_id) = (rpc.chain_id().await?, origin.chain_id().await?);
    if chain_id == origin_id {
        return Err(WeaveCtlError::SameChain(chain_id));
    }
    let (committee, members) = committee(origin, origin_id).await?;
    if let Some(expected) = request.committee_root.filter(|expected| *expected != committee.root()) {
        return Err(WeaveCtlError::OtherCommittee { chain_id: origin_id, found: committee.root(), expected });
    }
    let engine = super::engine(rpc, request.engine).await?;
    let origin_engine = super::engine(origin, request.origin_engine).await?;
    let known = match rpc.call(engine, abi::originOfCall { chainId: origin_id }).await {
        Ok(known) => Some(known),
        Err(RpcError::Reverted { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let is_set = known.as_ref().is_some_and(|known| (known.engine, known.maxLag) == (origin_engine, request.max_lag));
    let is_believed = known.as_ref().is_some_and(|known| known.committeeRoot == committee.root());
    let mut linked = Linked {
        event: "linked",
        chain_id,
        origin: origin_id,
        origin_engine,
        epoch: committee.epoch(),
        committee_root: committee.root(),
        members: members.len(),
        calls: Vec::new(),
        block: None,
        gas_used: 0,
    };
    if is_set && is_believed {
        return Ok(linked);
    }
    let mut sender = governor(rpc, engine, request.key_file.as_deref()).await?;
    let mut watch = Watch::from_head(rpc).await?;
    if !is_set {
        let call = abi::setOriginCall { chainId: origin_id, engine: origin_engine, maxLag: request.max_lag };
        let tx = sign(rpc, &mut sender, engine, &call).await?;
        linked.add("setOrigin", &watch.settle(&[tx], WITHIN).await?);
    }
    if !is_believed {
        let mut members: Vec<_> = members.iter().map(member).collect();
        if members.len() > PROOFS_EACH {
            for some in members.chunks_mut(PROOFS_EACH) {
                let tx = sign(rpc, &mut sender, engine, &abi::proveKeysCall { proofs: proofs(some) }).await?;
                linked.add("proveKeys", &watch.settle(&[tx], WITHIN).await?);
            }
        }
        let call = abi::setCommitteeCall { chainId: origin_id, epoch: committee.epoch(), members };
        let tx = sign(rpc, &mut sender, engine, &call).await?;
        linked.add("setCommittee", &watch.settle(&[tx], WITHIN).await?);
    }
    Ok(linked)
}

/// Takes the proofs out of the members, for a call of their own.
fn proofs(members: &mut [abi::Member]) -> Vec<abi::KeyProof> {
    let proof = |member: &mut abi::Member| abi::KeyProof {
        key: member.key.clone(),
        possession: std::mem::take(&mut member.possession),
    };
    members.iter_mut().map(proof).collect()
}

fn member(registration: &Registration) -> abi::Member {
    abi::Member {
        key: Bytes::copy_from_slice(registration.key.as_slice()),
        weight: registration.weight,
        owner: registration.owner,
        possession: Bytes::copy_from_slice(registration.possession.as_slice()),
    }
}

impl Linked {
    fn add(&mut self, call: &'static str, receipts: &[crate::rpc::RpcReceipt]) {
        self.calls.push(call);
        self.block = receipts.iter().filter_map(|receipt| receipt.block_number).max();
        self.gas_used += receipts.iter().map(|receipt| receipt.gas_used).sum::<u64>();
    }
}

impl Report for Linked {
    fn text(&self) -> String {
        let how = match self.block {
            Some(block) => {
                format!("{} in block {block}, {} gas", self.calls.join(" and "), crate::output::count(self.gas_used))
            }
            None => "it did already; nothing was sent".to_owned(),
        };
        format!(
            "Chain {} believes chain {}: {how}\n  engine there  {}\n  committee     {} members, epoch {}, root {}\nNext: rules of its governor \
             (setRule) say what units of chain {} count for",
            self.chain_id, self.origin, self.origin_engine, self.members, self.epoch, self.committee_root, self.origin
        )
    }
}
