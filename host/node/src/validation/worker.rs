//! The thread of one chain's validators. It works off the builder's path: it is told that there is a block, reads it from the
//! chain as anybody would, and may be late.
//!
//! The validators of one process share its memory and its program, so a block is verified once for all of them: four runs of the
//! same function would say what one says. Each has its own key, its own record and its own end of the network.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use alloy_primitives::B256;
use caldera_bls::SecretKey;
use caldera_chain::{Chain, ChainError, ChainEvent};
use caldera_engine::Engines;
use caldera_execution::ComponentSource;
use caldera_state::StateError;
use caldera_types::{Component, Digest};
use caldera_validation::{
    Certified, ChainRules, Network, Outcome, SignError, Signer, Twin, TwinPort, Validator, VerifyError, verify,
};
use tokio::{sync::broadcast::error::RecvError, task::JoinHandle as Task};

use super::ValidationError;
use crate::node::THREAD_STACK_BYTES;

/// How long it waits for a block before it asks the others what it missed.
const IDLE: Duration = Duration::from_secs(1);
/// How long it waits before it tries again what this node could not do.
const RETRY: Duration = Duration::from_secs(1);

/// The validators of one chain at work.
pub(crate) struct Validators {
    stop: Arc<AtomicBool>,
    wake: SyncSender<()>,
    bell: Task<()>,
    thread: Option<JoinHandle<()>>,
}

impl Validators {
    /// Starts them. Must be called on a runtime's thread.
    pub(crate) fn start(
        chain: Arc<Chain>,
        engines: Engines,
        certified: Arc<Certified>,
        folder: &Path,
        keys: Vec<SecretKey>,
    ) -> Result<Self, ValidationError> {
        let twin = Twin::default();
        let member = |key: SecretKey| {
            // By its key, so that a key that moves to another place takes its record along.
            let name = alloy_primitives::hex::encode(&key.public_key().to_bytes()[..8]);
            let path = folder.join("signed").join(name);
            let signer = Signer::open(path, certified.committee().clone(), vec![key])?;
            Ok((Validator::new(chain.chain_id(), signer, certified.newest()), twin.join()))
        };
        let members = keys.into_iter().map(member).collect::<Result<Vec<_>, SignError>>()?;
        // One place: who is woken looks for all that came.
        let (wake, woken) = mpsc::sync_channel(1);
        let bell = tokio::spawn(ring(chain.events(), wake.clone()));
        let stop = Arc::<AtomicBool>::default();
        let mut worker = Worker { chain, engines, certified, members, verified: None, stop: stop.clone() };
        let name = format!("validate-{}", worker.chain.name());
        let thread = thread::Builder::new().name(name).stack_size(THREAD_STACK_BYTES);
        let thread = thread.spawn(move || worker.work(&woken))?;
        Ok(Self { stop, wake, bell, thread: Some(thread) })
    }
}

impl Drop for Validators {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.bell.abort();
        let _ = self.wake.try_send(());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the validators' thread panicked, which is a bug");
        }
    }
}

/// Wakes the thread for each block; a wake that waits already is enough.
async fn ring(mut events: tokio::sync::broadcast::Receiver<ChainEvent>, wake: SyncSender<()>) {
    loop {
        match events.recv().await {
            Ok(ChainEvent::WentBack(_)) => {}
            Ok(ChainEvent::Block(_)) | Err(RecvError::Lagged(_)) => drop(wake.try_send(())),
            Err(RecvError::Closed) => return,
        }
    }
}

struct Worker {
    chain: Arc<Chain>,
    engines: Engines,
    certified: Arc<Certified>,
    members: Vec<(Validator, TwinPort)>,
    /// The last block that was verified, or that verifying begins above.
    verified: Option<(u64, B256)>,
    stop: Arc<AtomicBool>,
}

impl Worker {
    fn work(&mut self, woken: &Receiver<()>) {
        let mut said = String::new();
        while !self.stops() {
            let waits = match self.catch_up() {
                Ok(()) => {
                    said.clear();
                    IDLE
                }
                Err(why) => {
                    // Once, not once a second.
                    if said != why {
                        tracing::error!(
                            chain = self.chain.name(),
                            why,
                            "blocks are not verified here: no vote until they are"
                        );
                        said = why;
                    }
                    RETRY
                }
            };
            match woken.recv_timeout(waits) {
                Ok(()) => {}
                Err(RecvTimeoutError::Disconnected) => return,
                // Whatever was lost on the way is asked for.
                Err(RecvTimeoutError::Timeout) if self.certified.newest() < self.chain.head().number() => {
                    self.members.iter().for_each(|(validator, port)| port.broadcast(validator.ask()));
                    if let Err(why) = self.hear() {
                        tracing::error!(chain = self.chain.name(), why, "certificates cannot be kept");
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Verifies what came since.
    fn catch_up(&mut self) -> Result<(), String> {
        while !self.stops() {
            let (number, hash) = self.base()?;
            if number >= self.chain.head().number() {
                return Ok(());
            }
            self.verify(number + 1, hash)?;
        }
        Ok(())
    }

    /// The block above which verifying goes on. Only a development chain takes blocks back; then it is the newest that is left.
    fn base(&mut self) -> Result<(u64, B256), String> {
        if let Some((number, hash)) = self.verified
            && self.hash_of(number)? == Some(hash)
        {
            return Ok((number, hash));
        }
        // What the validators signed last, if it is still there; else what this node executed itself.
        let signed = self.members.iter().filter_map(|(validator, _)| validator.signer().last());
        let signed = signed.map(|last| (last.height, last.block_hash)).min();
        let begin = match signed.filter(|_| self.verified.is_none()) {
            Some((number, hash)) if self.hash_of(number)? == Some(hash) => (number, hash),
            // Of a new chain that is block 0, since validators start before blocks are made.
            _ => {
                let head = self.chain.head();
                (head.number(), head.block.hash())
            }
        };
        self.verified = Some(begin);
        Ok(begin)
    }

    fn hash_of(&self, number: u64) -> Result<Option<B256>, String> {
        let header = self.chain.header(number).map_err(|error| error.to_string())?;
        Ok(header.map(|(hash, _)| hash))
    }

    fn verify(&mut self, number: u64, parent: B256) -> Result<(), String> {
        let witnessed = match self.chain.witness(number) {
            // Another client's, or a state that is not kept any more: nothing can be said of these.
            Err(ChainError::NoWitness { .. } | ChainError::State(StateError::StateNotKept { .. })) => {
                self.verified = self.hash_of(number)?.map(|hash| (number, hash));
                return Ok(());
            }
            witnessed => witnessed.map_err(|error| error.to_string())?,
        };
        let spec = self.chain.spec();
        let (chain_id, gas_limit, beneficiary) = (spec.chain_id(), spec.gas_limit(), spec.beneficiary());
        let rules = ChainRules { chain_id, gas_limit, beneficiary };
        let components = OfChain(&self.chain);
        let verified = verify(&rules, &witnessed.block, &witnessed.witness, &self.engines, &components);
        let verified = verified.map_err(|error: VerifyError| format!("block {number}: {error}"))?;
        if verified.parent_hash != parent {
            // Taken back between two looks at the chain.
            self.verified = None;
            return Ok(());
        }
        self.verified = Some((number, verified.block_hash));
        for place in 0..self.members.len() {
            let (validator, _) = &mut self.members[place];
            match validator.verified(&verified) {
                Ok(outcome) => self.take(place, outcome)?,
                // On a development chain that was taken back: the height is never signed again.
                Err(error @ (SignError::Signed { .. } | SignError::Below { .. })) => {
                    tracing::debug!(chain = self.chain.name(), %error, "not signed");
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        self.hear()
    }

    /// Lets every validator hear what the others said, until nobody says anything.
    fn hear(&mut self) -> Result<(), String> {
        loop {
            let mut heard = false;
            for place in 0..self.members.len() {
                let (validator, port) = &mut self.members[place];
                if let Some(message) = port.receive(Duration::ZERO) {
                    heard = true;
                    let outcome = validator.hear(message);
                    self.take(place, outcome)?;
                }
            }
            if !heard {
                return Ok(());
            }
        }
    }

    fn take(&self, place: usize, outcome: Outcome) -> Result<(), String> {
        self.certified.keep(&outcome).map_err(|error| error.to_string())?;
        let (_, port) = &self.members[place];
        outcome.messages.into_iter().for_each(|message| port.broadcast(message));
        Ok(())
    }
}

/// Components of a chain's blocks.
struct OfChain<'a>(&'a Chain);

impl ComponentSource for OfChain<'_> {
    fn component(&self, digest: Digest) -> Result<Option<Component>, StateError> {
        self.0.component(digest).map_err(|error| match error {
            ChainError::State(error) => error,
            _ => StateError::Damaged { what: "component" },
        })
    }
}
