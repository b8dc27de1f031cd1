//! One direction: reads an origin's certified blocks, and sends a destination what makes their units take effect.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use alloy_primitives::{B256, Bytes};
use alloy_sol_types::SolCall;
use weave_rules::abi::Weave as abi;

use crate::{
    Answer, Counts, CursorError, Destination, Origin, PortError, Refusal, Sent,
    cursor::Cursor,
    errand::{Errand, errands},
    refusal,
};

/// Most units that may be open at once.
pub const MAX_OPEN: usize = 4_096;
/// Most blocks that one step reads.
const BLOCKS_A_STEP: u64 = 256;
/// Most transactions of one link that wait at once.
const MAX_UNDER_WAY: usize = 128;
/// Blocks after which the file is written though nothing else changed: reading them again costs little.
const SAVE_BLOCKS: u64 = 64;
/// How long a refused errand rests, at first and at most.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long a transaction may be in no block before it is sent anew.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a link behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkOptions {
    /// After how many certified blocks without one the destination gets a root; 0: only with units.
    pub heartbeat: u64,
}

/// Why a step was not finished. The next one goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// One of the chains did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The link's file.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// An answer of an engine that is no weave engine.
    #[error("chain {0}: what is mounted there does not answer as a weave engine")]
    NotWeave(u64),
}

/// What is known of an open errand besides what the file has.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    /// When it was met.
    since: Duration,
    /// Not before.
    due: Duration,
    refusals: u32,
    sent: Option<(B256, Duration)>,
}

/// Carries from one chain to another.
pub struct Link {
    origin: Arc<dyn Origin>,
    destination: Arc<dyn Destination>,
    options: LinkOptions,
    file: PathBuf,
    cursor: Cursor,
    /// What the file has.
    saved: Cursor,
    runs: BTreeMap<B256, Run>,
    heartbeat: Option<(B256, Duration)>,
    counts: Arc<Counts>,
}

impl Link {
    /// Goes on where the file says.
    pub fn open(
        origin: Arc<dyn Origin>,
        destination: Arc<dyn Destination>,
        file: PathBuf,
        options: LinkOptions,
    ) -> Result<Self, CursorError> {
        let cursor = Cursor::load(&file)?;
        let (runs, saved) = (BTreeMap::new(), cursor.clone());
        Ok(Self { origin, destination, options, file, cursor, saved, runs, heartbeat: None, counts: Arc::default() })
    }

    /// What it did.
    pub fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    /// Chain ids of origin and destination.
    pub fn ends(&self) -> (u64, u64) {
        (self.origin.chain_id(), self.destination.chain_id())
    }

    /// Whether a step could do something: there are certified blocks that were not read, or open units.
    pub fn has_work(&self) -> Result<bool, LinkError> {
        Ok(!self.cursor.open.is_empty() || self.origin.certified()? > self.cursor.read)
    }

    /// Does what can be done now. `now` is the time since any fixed moment.
    pub fn step(&mut self, now: Duration) -> Result<(), LinkError> {
        let certified = self.origin.certified()?;
        self.read(certified, now)?;
        let done = self.carry(certified, now);
        self.counts.open.store(self.cursor.open.len() as u64, Relaxed);
        self.save()?;
        done?;
        self.beat(certified, now)
    }

    /// Reads what was certified since.
    fn read(&mut self, certified: u64, now: Duration) -> Result<(), LinkError> {
        // Only a development chain that was taken back has less than what was read; what comes instead is read again.
        self.cursor.read = self.cursor.read.min(certified);
        let last = certified.min(self.cursor.read.saturating_add(BLOCKS_A_STEP));
        while self.cursor.read < last && self.cursor.open.len() < MAX_OPEN {
            let height = self.cursor.read + 1;
            let logs = self.origin.logs(height)?;
            for (id, errand) in errands(&*self.origin, self.destination.chain_id(), &logs) {
                self.cursor.open.insert(id, errand);
                // Something new is known of it, so what it waited for may be over.
                let run = self.runs.entry(id).or_insert(Run { since: now, ..Run::default() });
                run.due = now;
            }
            self.cursor.read = height;
        }
        self.counts.behind.store(certified - self.cursor.read, Relaxed);
        // Before anything is sent: who dies after sending finds it open.
        self.save()
    }

    fn save(&mut self) -> Result<(), LinkError> {
        let same = self.cursor.open == self.saved.open;
        if same && self.cursor.read.abs_diff(self.saved.read) < SAVE_BLOCKS {
            return Ok(());
        }
        self.cursor.save(&self.file)?;
        self.saved = self.cursor.clone();
        Ok(())
    }

    /// Tries every open errand that is due.
    fn carry(&mut self, certified: u64, now: Duration) -> Result<(), LinkError> {
        if self.cursor.open.is_empty() {
            return Ok(());
        }
        let Some(certificate) = self.origin.certificate(certified)? else { return Ok(()) };
        let under_way = self.runs.values().filter(|run| run.sent.is_some()).count();
        let mut room = MAX_UNDER_WAY.saturating_sub(under_way);
        let open: Vec<_> = self.cursor.open.iter().map(|(id, errand)| (*id, *errand)).collect();
        for (id, errand) in open {
            let mut run = *self.runs.entry(id).or_insert(Run { since: now, ..Run::default() });
            if let Some((hash, at)) = run.sent {
                match self.destination.sent(hash)? {
                    Sent::Waits if now.saturating_sub(at) < PATIENCE => continue,
                    _ => (run.sent, run.due) = (None, now),
                }
                self.runs.insert(id, run);
            }
            if run.due > now {
                continue;
            }
            let Some(input) = self.wanted(certified, id, errand, &certificate)? else {
                if self.is_settled(errand)? {
                    self.finish(id, now);
                }
                continue;
            };
            if room == 0 {
                continue;
            }
            match self.destination.ask(input.clone())? {
                Answer::Returned(_) => {
                    run.sent = Some((self.destination.submit(input)?, now));
                    self.runs.insert(id, run);
                    room -= 1;
                }
                Answer::Reverted(data) => self.refused(id, run, &data, now),
            }
        }
        Ok(())
    }

    /// The call that is missing at the destination, if one is.
    fn wanted(&self, at: u64, id: B256, errand: Errand, certificate: &Bytes) -> Result<Option<Bytes>, LinkError> {
        let unit = self.origin.unit(at, id)?;
        let proof = || self.origin.proof(at, id);
        let certificate = certificate.clone();
        let call = match (errand, unit) {
            (Errand::Right { kind, owner, key }, unit) => {
                let origin = self.origin.chain_id();
                let known = self.view(abi::rightOfCall { origin, kind, owner, key })?;
                let here = self.destination.chain_id();
                let ends = known.nonce != 0 && known.endedHeight == 0;
                match unit.filter(|unit| unit.destination == 0 || unit.destination == here) {
                    Some(unit) if unit.nonce > known.nonce => {
                        abi::acceptCall { unit, proof: proof()?, certificate }.abi_encode()
                    }
                    Some(_) => return Ok(None),
                    None if ends => {
                        abi::endCall { origin, kind, owner, key, proof: proof()?, certificate }.abi_encode()
                    }
                    None => return Ok(None),
                }
            }
            (_, None) => return Ok(None),
            (errand, Some(unit)) => {
                if self.view(abi::isConsumedCall { id })? {
                    return Ok(None);
                }
                let proof = proof()?;
                match errand {
                    Errand::Mint => abi::mintCall { unit, proof, certificate }.abi_encode(),
                    _ => abi::unlockCall { unit, proof, certificate }.abi_encode(),
                }
            }
        };
        Ok(Some(call.into()))
    }

    /// Whether nothing that an earlier run sent can still change what an errand wanted. A right that is gone at the origin and
    /// unknown here may have its `accept` in the pool.
    fn is_settled(&self, errand: Errand) -> Result<bool, LinkError> {
        Ok(!matches!(errand, Errand::Right { .. }) || self.destination.is_idle()?)
    }

    fn finish(&mut self, id: B256, now: Duration) {
        self.cursor.open.remove(&id);
        let run = self.runs.remove(&id).unwrap_or_default();
        self.counts.carried.fetch_add(1, Relaxed);
        let taken = now.saturating_sub(run.since).as_millis();
        self.counts.last_ms.store(u64::try_from(taken).unwrap_or(u64::MAX), Relaxed);
    }

    fn refused(&mut self, id: B256, mut run: Run, data: &[u8], now: Duration) {
        let (refusal, name) = refusal(data);
        match refusal {
            Refusal::Done => self.finish(id, now),
            Refusal::Never => {
                self.counts.refuse(name);
                let (origin, destination) = self.ends();
                tracing::warn!(origin, destination, unit = %id, name, "a unit is never taken");
                self.cursor.open.remove(&id);
                self.runs.remove(&id);
            }
            Refusal::MayPass => {
                self.counts.refuse(name);
                if run.refusals == 0 {
                    let (origin, destination) = self.ends();
                    tracing::info!(origin, destination, unit = %id, name, "a unit is not taken yet");
                }
                run.due = now + REST.1.min(REST.0.saturating_mul(1 << run.refusals.min(10)));
                run.refusals = run.refusals.saturating_add(1);
                self.runs.insert(id, run);
            }
        }
    }

    /// Lets the destination know a root, so that proofs of others are not stale there.
    fn beat(&mut self, certified: u64, now: Duration) -> Result<(), LinkError> {
        if let Some((hash, at)) = self.heartbeat {
            match self.destination.sent(hash)? {
                Sent::Waits if now.saturating_sub(at) < PATIENCE => return Ok(()),
                _ => self.heartbeat = None,
            }
        }
        if self.options.heartbeat == 0 || certified == 0 {
            return Ok(());
        }
        let asked = abi::originOfCall { chainId: self.origin.chain_id() }.abi_encode();
        // One that is not known there gets no roots.
        let Answer::Returned(data) = self.destination.ask(asked.into())? else { return Ok(()) };
        let known = abi::originOfCall::abi_decode_returns(&data);
        let known = known.map_err(|_| LinkError::NotWeave(self.destination.chain_id()))?;
        if known.frozen || certified < known.latestHeight.saturating_add(self.options.heartbeat) {
            return Ok(());
        }
        let Some(certificate) = self.origin.certificate(certified)? else { return Ok(()) };
        let input: Bytes = abi::submitRootsCall { certificates: vec![certificate] }.abi_encode().into();
        match self.destination.ask(input.clone())? {
            Answer::Returned(_) => self.heartbeat = Some((self.destination.submit(input)?, now)),
            Answer::Reverted(data) => self.counts.refuse(refusal(&data).1),
        }
        Ok(())
    }

    fn view<C: SolCall>(&self, call: C) -> Result<C::Return, LinkError> {
        let not_weave = || LinkError::NotWeave(self.destination.chain_id());
        match self.destination.ask(call.abi_encode().into())? {
            Answer::Returned(data) => C::abi_decode_returns(&data).map_err(|_| not_weave()),
            Answer::Reverted(_) => Err(not_weave()),
        }
    }
}
