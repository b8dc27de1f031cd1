//! `caldera weave units`: what a chain issued, and what of other chains counts there.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::SolEvent as _;
use serde::Serialize;
use weave_rules::{StateUnit, abi::Weave as abi, unit};

use super::{
    WeaveCtlError,
    events::events,
    line::{UnitLine, table},
};
use crate::{
    output::Report,
    rpc::{Rpc, RpcError},
};

/// Origin, kind, owner and key of a right.
type Name = (u64, u8, Address, B256);

/// The units of a chain.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Units {
    event: &'static str,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Where its weave engine is.
    pub engine: Address,
    /// What it issued, by id.
    pub issued: Vec<UnitLine>,
    /// What it took from others, by origin, kind, owner and key; then amounts of assets.
    pub held: Vec<UnitLine>,
}

/// Reads what the engine logged from a height on, and asks it what has become of that. All owners' if none is named.
pub async fn units(
    rpc: &Rpc,
    engine: Option<Address>,
    owner: Option<Address>,
    from: u64,
) -> Result<Units, WeaveCtlError> {
    let engine = super::engine(rpc, engine).await?;
    let head = rpc.head().await?.header;
    let asked = Asked { rpc, engine, owner, blocks: (from, head.inner.number), now: head.inner.timestamp };
    let chain_id = rpc.chain_id().await?;
    let (issued, names) = asked.logged().await?;
    let issued = asked.issued(issued).await?;
    let mut held = asked.rights(names).await?;
    held.extend(asked.balances().await?);
    Ok(Units { event: "units", chain_id, engine, issued, held })
}

struct Asked<'a> {
    rpc: &'a Rpc,
    engine: Address,
    owner: Option<Address>,
    blocks: (u64, u64),
    /// The head's time.
    now: u64,
}

impl Asked<'_> {
    /// Units by id as they were last issued, and the rights of others that were accepted.
    async fn logged(&self) -> Result<(BTreeMap<B256, StateUnit>, BTreeSet<Name>), RpcError> {
        let mut filter = Filter::new()
            .address(self.engine)
            .event_signature(vec![abi::UnitIssued::SIGNATURE_HASH, abi::RightAccepted::SIGNATURE_HASH]);
        if let Some(owner) = self.owner {
            filter = filter.topic2(owner.into_word());
        }
        let (mut units, mut names) = (BTreeMap::new(), BTreeSet::new());
        for log in events(self.rpc, &filter, self.blocks.0, self.blocks.1).await? {
            if let Ok(event) = abi::UnitIssued::decode_log(&log.inner) {
                units.insert(event.id, event.data.unit);
            } else if let Ok(event) = abi::RightAccepted::decode_log(&log.inner) {
                names.insert((event.origin, event.kind, event.owner, event.key));
            }
        }
        Ok((units, names))
    }

    async fn issued(&self, logged: BTreeMap<B256, StateUnit>) -> Result<Vec<UnitLine>, RpcError> {
        let calls: Vec<_> = logged.keys().map(|id| abi::unitOfCall { id: *id }).collect();
        let answers = self.rpc.call_each(self.engine, &calls).await?;
        let lines = logged.into_iter().zip(answers).map(|((id, last), now)| match now {
            Ok(unit) => {
                let state = match () {
                    () if unit.kind == unit::Kind::Asset.code() => "sent",
                    () if self.is_over(unit.expiry) => "expired",
                    () => "issued",
                };
                Ok(UnitLine::issued(id, &unit, state.to_owned()))
            }
            Err(RpcError::Reverted { .. }) => Ok(UnitLine::issued(id, &last, "revoked".to_owned())),
            Err(error) => Err(error),
        });
        lines.collect()
    }

    async fn rights(&self, names: BTreeSet<Name>) -> Result<Vec<UnitLine>, RpcError> {
        let names: Vec<_> = names.into_iter().collect();
        let calls = names.iter().map(|(origin, kind, owner, key)| abi::rightOfCall {
            origin: *origin,
            kind: *kind,
            owner: *owner,
            key: *key,
        });
        let rights = self.rpc.call_many(self.engine, &calls.collect::<Vec<_>>()).await?;
        let calls =
            names.iter().map(|(origin, kind, _, key)| abi::ruleOfCall { origin: *origin, kind: *kind, key: *key });
        let rules = self.rpc.call_each(self.engine, &calls.collect::<Vec<_>>()).await?;
        let calls: Vec<_> = names.iter().map(|(origin, ..)| abi::originOfCall { chainId: *origin }).collect();
        let origins = self.rpc.call_many(self.engine, &calls).await?;
        let mut lines = Vec::new();
        for (((name, right), rule), origin) in names.into_iter().zip(&rights).zip(rules).zip(&origins) {
            let (chain, kind, owner, key) = name;
            let id =
                unit::id(&StateUnit { origin: chain, issuer: origin.engine, kind, owner, key, ..StateUnit::default() });
            let rule = match rule {
                Ok(rule) => Some(rule),
                Err(RpcError::Reverted { .. }) => None,
                Err(error) => return Err(error),
            };
            let expiry = rule.as_ref().map_or(right.expiry, |rule| expiry(right, rule));
            let state = match () {
                () if right.endedHeight != 0 => format!("ended at {}", right.endedHeight),
                () if rule.is_none() => "no rule".to_owned(),
                () if origin.frozen => "origin frozen".to_owned(),
                () if self.is_over(expiry) => "expired".to_owned(),
                () => "counts".to_owned(),
            };
            lines.push(UnitLine::held(id, name, right, expiry, state));
        }
        Ok(lines)
    }

    async fn balances(&self) -> Result<Vec<UnitLine>, RpcError> {
        let mut filter = Filter::new()
            .address(self.engine)
            .event_signature(vec![abi::Minted::SIGNATURE_HASH, abi::AssetTransferred::SIGNATURE_HASH]);
        if let Some(owner) = self.owner {
            filter = filter.topic3(owner.into_word());
        }
        let mut holders = BTreeSet::new();
        for log in events(self.rpc, &filter, self.blocks.0, self.blocks.1).await? {
            if let Ok(event) = abi::Minted::decode_log(&log.inner) {
                holders.insert((event.to, event.asset));
            } else if let Ok(event) = abi::AssetTransferred::decode_log(&log.inner) {
                holders.insert((event.to, event.asset));
            }
        }
        let calls: Vec<_> =
            holders.iter().map(|(owner, asset)| abi::balanceOfCall { owner: *owner, asset: *asset }).collect();
        let balances = self.rpc.call_many(self.engine, &calls).await?;
        let held = holders.into_iter().zip(balances).filter(|(_, balance)| !balance.is_zero());
        Ok(held.map(|((owner, asset), balance)| UnitLine::balance(owner, asset, balance)).collect())
    }

    fn is_over(&self, expiry: u64) -> bool {
        expiry != 0 && expiry <= self.now
    }
}

/// When a right ends by itself: as its unit says, and no later than the rule's cap after its last proof.
fn expiry(right: &abi::Right, rule: &abi::Rule) -> u64 {
    let capped = right.provenAt.saturating_add(rule.expiryCap);
    match (rule.expiryCap, right.expiry) {
        (0, expiry) => expiry,
        (_, 0) => capped,
        (_, expiry) => expiry.min(capped),
    }
}

impl Report for Units {
    fn text(&self) -> String {
        let mut text = String::new();
        if self.issued.is_empty() && self.held.is_empty() {
            return format!("No unit at {} of chain {}", self.engine, self.chain_id);
        }
        if !self.issued.is_empty() {
            text += &format!("Issued here\n{}", table(&self.issued, "for", |line| Some(line.destination)));
        }
        if !self.held.is_empty() {
            text += &format!("Held here\n{}", table(&self.held, "from", |line| line.origin));
        }
        text
    }
}
