//! What is where: what was locked, minted, burnt and unlocked, and what is on its way.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use alloy_primitives::{B256, U256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::SolEvent;
use jsonrpsee_core::rpc_params;
use serde_json::Value;
use weave_rules::{abi::Weave as abi, unit};

use crate::{chain::Chain, link::asset, relay::issued, rig::USER, traffic::RECIPIENT};

/// Longest time for what was accepted to come into a block.
const WITHIN: Duration = Duration::from_secs(30);

/// One direction: units by their ids with what they carry, and ids that arrived, in the order in which they did.
#[derive(Default)]
struct Way {
    left: BTreeMap<B256, U256>,
    arrived: Vec<(B256, U256)>,
}

impl Way {
    /// How many are on their way, and what they carry.
    fn under_way(&self) -> (usize, U256) {
        let mut left = self.left.clone();
        for (id, amount) in &self.arrived {
            assert_eq!(left.remove(id), Some(*amount), "{id} arrived twice, or never left, or carried something else");
        }
        (left.len(), left.values().copied().sum())
    }

    fn amount(&self) -> U256 {
        self.left.values().copied().sum()
    }
}

/// Both chains, told by their events and by their engines' views, while nobody sends anything.
pub struct Books {
    there: Way,
    back: Way,
    /// What home says is locked for the other chain, and the wei that its engine has.
    locked: (U256, U256),
    /// What the other chain says is minted, and what its one user has.
    minted: (U256, U256),
    /// Wei that came home.
    home_again: U256,
    frozen: [bool; 2],
}

impl Books {
    /// Reads everything, once nothing that was accepted waits for a block. `bonds` is the wei of home's engine that is not locked.
    pub async fn read(home: &Chain, abroad: &Chain, bonds: U256) -> Self {
        for chain in [home, abroad] {
            all_in_blocks(chain).await;
        }
        let (asset, owner) = (asset(home), abroad.player(USER));
        let answers = "the node answers";
        let locked = abi::lockedForCall { destination: abroad.id, asset };
        let origin = |of: &Chain| abi::originOfCall { chainId: of.id };
        Self {
            there: Way { left: left(home).await, arrived: minted(abroad).await },
            back: Way { left: left(abroad).await, arrived: unlocked(home).await },
            locked: (home.ask(locked).await.expect(answers), home.wei(home.weave).await - bonds),
            minted: (
                abroad.ask(abi::mintedOfCall { asset }).await.expect(answers),
                abroad.ask(abi::balanceOfCall { owner, asset }).await.expect(answers),
            ),
            home_again: home.wei(RECIPIENT).await,
            frozen: [
                home.ask(origin(abroad)).await.expect(answers).frozen,
                abroad.ask(origin(home)).await.expect(answers).frozen,
            ],
        }
    }

    /// How many units are on their way.
    pub fn under_way(&self) -> usize {
        self.there.under_way().0 + self.back.under_way().0
    }

    /// How many left, there and back.
    pub fn crossings(&self) -> (usize, usize) {
        (self.there.left.len(), self.back.left.len())
    }

    /// Wei that went there, that came back, that is abroad.
    pub fn amounts(&self) -> [U256; 3] {
        [self.there.amount(), self.home_again, self.minted.0]
    }

    /// Everything is somewhere, once.
    #[track_caller]
    pub fn are_balanced(&self, when: &str) {
        let (there, back) = (self.there.under_way().1, self.back.under_way().1);
        let arrived = |way: &Way| way.arrived.iter().map(|(_, amount)| *amount).sum::<U256>();
        let (locked, minted) = (self.locked.0, self.minted.0);
        assert_eq!(locked, minted + there + back, "{when}: locked = minted + on its way: {self:?}");
        assert_eq!(self.locked.1, locked, "{when}: the engine has the wei that it says is locked: {self:?}");
        assert_eq!(self.minted.1, minted, "{when}: balances are what was minted: {self:?}");
        assert_eq!(self.home_again, arrived(&self.back), "{when}: what was unlocked was paid: {self:?}");
        assert_eq!(self.there.amount() - self.home_again, locked, "{when}: locked - unlocked: {self:?}");
        assert_eq!(arrived(&self.there) - self.back.amount(), minted, "{when}: minted - burnt: {self:?}");
        // A validator that comes back signs nothing else, so no height has two certified blocks.
        assert_eq!(self.frozen, [false; 2], "{when}");
    }
}

impl std::fmt::Debug for Books {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let way = |way: &Way| {
            let (count, amount) = way.under_way();
            format!("{} left, {} arrived, {count} with {amount} under way", way.left.len(), way.arrived.len())
        };
        write!(f, "there: {}; back: {}; ", way(&self.there), way(&self.back))?;
        write!(f, "locked {:?}, minted {:?}, home again {}", self.locked, self.minted, self.home_again)
    }
}

async fn all_in_blocks(chain: &Chain) {
    let began = Instant::now();
    loop {
        let status: Value = chain.rpc.request("txpool_status", rpc_params![]).await.expect("the node answers");
        if status["pending"] == "0x0" && status["queued"] == "0x0" {
            return;
        }
        assert!(began.elapsed() < WITHIN, "what was accepted comes into no block: {status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn left(chain: &Chain) -> BTreeMap<B256, U256> {
    let head = chain.rpc.block_number().await.expect("the node answers");
    let units = issued(chain, 0, head).await.expect("the node answers");
    units.iter().map(|unit| (unit::id(unit), unit.value)).collect()
}

async fn minted(chain: &Chain) -> Vec<(B256, U256)> {
    events::<abi::Minted>(chain).await.into_iter().map(|event| (event.id, event.amount)).collect()
}

async fn unlocked(chain: &Chain) -> Vec<(B256, U256)> {
    events::<abi::Unlocked>(chain).await.into_iter().map(|event| (event.id, event.amount)).collect()
}

async fn events<E: SolEvent>(chain: &Chain) -> Vec<E> {
    let filter = Filter::new().address(chain.weave).event_signature(E::SIGNATURE_HASH).from_block(0);
    let logs = chain.rpc.logs(&filter).await.expect("the node answers");
    logs.iter().map(|log| E::decode_log(&log.inner).expect("the engine's own event").data).collect()
}
