//! Following: the blocks come from another node, every one of them is executed here, and what differs is an alarm.
//!
//! A follower makes no blocks. It takes only what it has executed itself to the same roots; the first block that gives
//! another is not taken, both roots are kept for whoever asks, and nothing after it is looked at. Reading goes on.

use std::{sync::Arc, time::Instant};

use alloy_primitives::B256;
use caldera_execution::{ExecutionError, Ground, execute_sent, senders_of};
use caldera_state::StateView;
use caldera_types::SealedBlock;
use parking_lot::Mutex;

use crate::{
    builder::Built, chain::Chain, error::ChainError, executed::ExecutedBlock, source::LoggedComponents, spread,
};

/// How following stands.
#[derive(Clone, Debug)]
pub struct FollowStatus {
    /// Where the blocks come from.
    pub leader: String,
    /// Height of the leader's newest block, as far as it has been heard.
    pub leader_head: Option<u64>,
    /// Why nothing comes now, if so: nobody answers there, or this node is not ready.
    pub waits: Option<String>,
    /// Why nothing comes any more, if so: somebody has to look at it.
    pub alarm: Option<Alarm>,
}

/// A block that is not what its execution gives here, or does not belong here at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Height.
    pub number: u64,
    /// Hash of the leader's block.
    pub leader_hash: B256,
    /// State root that the leader's block says; zero if the block is not to be had.
    pub leader_root: B256,
    /// State root that its execution gives here; none if it cannot be executed.
    pub own_root: Option<B256>,
    /// What differs first.
    pub why: String,
}

impl Alarm {
    /// Whether both state roots are known and differ.
    pub fn is_root_mismatch(&self) -> bool {
        self.own_root.is_some_and(|own| own != self.leader_root)
    }
}

/// Why a leader's block was not taken.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// It is not what its execution gives: by the fault of one of the two nodes.
    #[error(
        "block {} of the leader is not what its execution gives here: {}; the leader's state root is {}, here it is {}",
        .0.number, .0.why, .0.leader_root, .0.own_root.map_or("not to be had".to_owned(), |root| root.to_string())
    )]
    Differs(Box<Alarm>),
    /// This node's fault, or its disk's.
    #[error(transparent)]
    Node(#[from] ChainError),
}

/// Following, if this chain does.
#[derive(Default)]
pub(crate) struct Following(Mutex<Option<FollowStatus>>);

impl Chain {
    /// Makes this chain a follower of the chain at `leader`: from now on it takes nothing from anybody else.
    pub fn begin_following(&self, leader: String) {
        let status = FollowStatus { leader, leader_head: None, waits: None, alarm: None };
        *self.following.0.lock() = Some(status);
    }

    /// How following stands; none on a chain that makes its own blocks.
    pub fn follow_status(&self) -> Option<FollowStatus> {
        self.following.0.lock().clone()
    }

    /// Whether the chain's blocks come from another node.
    pub fn follows(&self) -> bool {
        self.following.0.lock().is_some()
    }

    /// The hash of the chain's block 0, which is known even if a snapshot began the chain here and the block is not kept.
    pub fn genesis_hash(&self) -> Result<B256, ChainError> {
        if let Some(hash) = self.state.genesis_hash()? {
            return Ok(hash);
        }
        self.header(0)?.map(|(hash, _)| hash).ok_or(ChainError::UnknownBlock(0))
    }

    /// Notes what was heard of the leader: its height, and why nothing comes, if so.
    pub fn heard_of_leader(&self, head: Option<u64>, waits: Option<String>) {
        if let Some(status) = self.following.0.lock().as_mut() {
            status.leader_head = head.or(status.leader_head);
            status.waits = waits;
        }
    }

    /// Follows no further, because of that.
    pub fn raise_alarm(&self, alarm: Alarm) {
        tracing::error!(
            chain = self.name(),
            number = alarm.number,
            why = alarm.why,
            leader_root = %alarm.leader_root,
            own_root = ?alarm.own_root,
            "the leader's block is not what its execution gives here: nothing more is followed until somebody has looked"
        );
        if let Some(status) = self.following.0.lock().as_mut() {
            status.alarm = Some(alarm);
        }
    }

    /// Executes the leader's next block and takes it, if it is what its execution gives.
    pub fn follow(&self, block: &SealedBlock) -> Result<Arc<ExecutedBlock>, FollowError> {
        let began = Instant::now();
        let _writer = self.writer.lock();
        self.catch_up()?;
        let (parent, given) = (self.head(), &block.header);
        let alarm = |own_root, why: String| {
            let (number, leader_hash, leader_root) = (given.number, block.hash(), given.state_root);
            FollowError::Differs(Box::new(Alarm { number, leader_hash, leader_root, own_root, why }))
        };
        if given.number != parent.number() + 1 || given.parent_hash != parent.block.hash() {
            let (number, hash) = (parent.number(), parent.block.hash());
            let why = format!("it follows {}, and the newest block here is {number}, {hash}", given.parent_hash);
            return Err(alarm(None, why));
        }
        let env = self.env_after(&parent, given.timestamp);
        let senders = spread::over_processors(&block.transactions, |part| senders_of(part));
        let senders: Result<Vec<_>, _> = senders.into_iter().collect();
        let senders = senders.map_err(|why| alarm(None, why.to_string()))?;
        let (flat, components) = (self.state.flat(), LoggedComponents(&self.state));
        let watched = self.shadows.watch(&flat);
        let view: &dyn StateView = watched.as_ref().map_or(&flat, |watched| watched);
        // What is not compiled here is, now: a follower may be late, but must not pass over anything.
        let ground = Ground { view, engines: &self.engines, components: &components };
        let outcome = execute_sent(ground, env, block, &senders).map_err(|error| match error {
            ExecutionError::BadTransaction { .. } => alarm(None, error.to_string()),
            error => ChainError::Execution { number: given.number, error }.into(),
        })?;
        let built = Built { outcome, senders, dropped: Vec::new() };
        let known = watched.map(|watched| watched.into_known());
        let block = self.take_in(&parent, env, built, known, Some(given)).map_err(|error| match error {
            ChainError::NotOurs { why, own_root } => alarm(Some(own_root), why.to_string()),
            error => error.into(),
        })?;
        self.tell(&block, began.elapsed());
        Ok(block)
    }
}
