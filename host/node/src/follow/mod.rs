//! A node that follows another: asks it for blocks as they are logged, has each executed, and sends it what only it can do.
//!
//! The leader answers as soon as it has a block, so a follower is behind by one way there and one execution. If nobody
//! answers, it asks again, ever more seldom, and goes on where it was; neither side has to know that the other was gone.

mod blocks;
mod leader;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use caldera_chain::{Alarm, Chain, FollowError};
use tokio::{sync::watch, task::JoinHandle};

pub(crate) use leader::HttpLeader;

use crate::rpc::{Endpoint, Rpc, RpcError};

/// How long is waited before a leader that does not answer is asked again, at first and at last.
const FIRST_PATIENCE: Duration = Duration::from_millis(200);
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// A chain that follows. Dropping it ends that after the block under way.
pub(crate) struct Follower {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Follower {
    /// Begins to follow the chain at `url`, on this runtime, whose threads must have the stack that execution needs.
    pub(crate) fn start(chain: Arc<Chain>, url: String) -> Result<Self, RpcError> {
        let rpc = Rpc::new(Endpoint { http: url })?;
        let (stop, stopped) = watch::channel(false);
        Ok(Self { stop, task: tokio::spawn(watch_over(chain, rpc, stopped)) })
    }

    /// Ends it, and waits for the block under way.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "a follower ended by itself: this is a bug");
        }
    }
}

/// Why a step brought nothing.
enum Setback {
    /// It may pass.
    Waits(String),
    /// It will not.
    Alarm(Box<Alarm>),
}

/// Follows, and says so where it is asked how following stands if that ends by itself.
async fn watch_over(chain: Arc<Chain>, rpc: Rpc, stopped: watch::Receiver<bool>) {
    let runs = tokio::spawn(run(chain.clone(), rpc, stopped));
    if let Err(error) = runs.await {
        let why = format!("following ended by itself, which is a bug; start the node again: {error}");
        tracing::error!(chain = chain.name(), why);
        chain.heard_of_leader(None, Some(why));
    }
}

async fn run(chain: Arc<Chain>, rpc: Rpc, mut stopped: watch::Receiver<bool>) {
    let mut patience = FIRST_PATIENCE;
    let mut waits = false;
    while !*stopped.borrow() {
        // A question under way is given up; a block under way is not.
        let answer = tokio::select! {
            answer = ask(&chain, &rpc) => answer,
            _ = stopped.changed() => return,
        };
        let taken = match answer {
            Ok(blocks) => take(&chain, blocks, &stopped).await,
            Err(setback) => Err(setback),
        };
        match taken {
            Ok(()) => {
                if std::mem::take(&mut waits) {
                    tracing::warn!(chain = chain.name(), "following goes on");
                }
                patience = FIRST_PATIENCE;
            }
            Err(Setback::Alarm(alarm)) => return chain.raise_alarm(*alarm),
            Err(Setback::Waits(why)) => {
                if !std::mem::replace(&mut waits, true) {
                    tracing::warn!(chain = chain.name(), why, "following waits, and tries again");
                }
                chain.heard_of_leader(None, Some(why));
                tokio::select! {
                    () = tokio::time::sleep(patience) => {}
                    _ = stopped.changed() => return,
                }
                patience = (patience * 2).min(LAST_PATIENCE);
            }
        }
    }
}

/// Asks the leader for what comes after the newest block here.
async fn ask(chain: &Chain, rpc: &Rpc) -> Result<blocks::Answer, Setback> {
    let newest = chain.head().number();
    let asked = Instant::now();
    let answer = blocks::ask(rpc, newest + 1).await.map_err(|error| Setback::Waits(error.to_string()))?;
    let own = chain.genesis_hash().map_err(|error| Setback::Waits(error.to_string()))?;
    // Who does not say it is found out by its blocks, which follow none of this chain.
    if let Some(theirs) = answer.genesis.filter(|theirs| *theirs != own) {
        return Err(Setback::Alarm(Box::new(other_genesis(chain, rpc, own, theirs).await)));
    }
    // What a leader says is only that: it may name any height, and need not have the blocks.
    if answer.blocks.is_empty() && answer.head != newest {
        chain.heard_of_leader(Some(answer.head), None);
        return Err(Setback::Waits(match answer.head < newest {
            // It may be executing its log, or was restored from a copy: what it has at this height shows which.
            true => format!("the leader is at height {}, behind this node's {newest}", answer.head),
            false => format!("the leader says that it is at height {}, but gave no block {}", answer.head, newest + 1),
        }));
    }
    // It waits for its next block before it says that there is none. One that does not must not be asked without a rest.
    if answer.blocks.is_empty() && asked.elapsed() < FIRST_PATIENCE {
        tokio::time::sleep(FIRST_PATIENCE).await;
    }
    Ok(answer)
}

/// A leader whose chain begins with another block, with the roots of both where they can be had: block 0 is not kept by who
/// was begun from a snapshot.
async fn other_genesis(chain: &Chain, rpc: &Rpc, own: B256, leader_hash: B256) -> Alarm {
    let theirs = rpc.block(0).await.ok().flatten().filter(|block| block.header.hash == leader_hash);
    let leader_root = theirs.map_or(B256::ZERO, |block| block.header.inner.state_root);
    let own_root = chain.header(0).ok().flatten().map(|(_, header)| header.state_root);
    let why = format!("its chain begins with another block than this one's, {own}: the configurations differ");
    Alarm { number: 0, leader_hash, leader_root, own_root, why }
}

/// Takes the leader's blocks, one after the other.
async fn take(chain: &Arc<Chain>, answer: blocks::Answer, stopped: &watch::Receiver<bool>) -> Result<(), Setback> {
    chain.heard_of_leader(Some(answer.head), None);
    for block in answer.blocks {
        if *stopped.borrow() {
            return Ok(());
        }
        let executing = chain.clone();
        let taken = tokio::task::spawn_blocking(move || executing.follow(&block)).await;
        match taken {
            Ok(Ok(_)) => {}
            Ok(Err(FollowError::Differs(alarm))) => return Err(Setback::Alarm(alarm)),
            // An engine that is not ready and a full disk pass; what does not is said again and again.
            Ok(Err(FollowError::Node(error))) => return Err(Setback::Waits(error.to_string())),
            Err(panic) => return Err(Setback::Waits(format!("executing a block panicked, which is a bug: {panic}"))),
        }
    }
    Ok(())
}
