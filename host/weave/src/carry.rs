//! Open errands: what is missing at the destination is asked, sent, and looked at until it is there.

use std::{cmp::Reverse, sync::atomic::Ordering::Relaxed, time::Duration};

use alloy_primitives::{B256, Bytes};
use alloy_sol_types::SolCall;
use weave_rules::abi::Weave as abi;

use crate::{
    Answer, Link, LinkError, MAX_PARKED, Refusal,
    errand::Errand,
    link::millis,
    refusal,
    run::{Aim, REVERTED, Run, Sending},
};

/// Most transactions of one link that wait at once.
const MAX_UNDER_WAY: usize = 128;
/// Refusals that say that nobody at the destination asked for a unit.
const UNASKED: [&str; 2] = ["NoRule", "UnknownOrigin"];

impl Link {
    /// Tries every open errand that is due.
    pub(crate) fn carry(&mut self, certified: u64, now: Duration) -> Result<(), LinkError> {
        if self.cursor.open.is_empty() {
            return Ok(());
        }
        let Some(certificate) = self.origin.certificate(certified)? else { return Ok(()) };
        let mut under_way = self.runs.values().filter(|run| run.sent.is_some()).count();
        let open: Vec<_> = self.cursor.open.iter().map(|(id, errand)| (*id, *errand)).collect();
        for (id, errand) in open {
            let mut run = *self.runs.entry(id).or_insert(Run::new(now));
            if run.sent.is_some() {
                if run.waits(&*self.destination, now)? {
                    continue;
                }
                under_way -= 1;
                self.runs.insert(id, run);
            }
            if run.due > now || under_way >= MAX_UNDER_WAY {
                continue;
            }
            let Some((input, aim)) = self.wanted(certified, id, errand, &certificate)? else {
                self.finish(id, now);
                continue;
            };
            if run.mined.take() == Some(aim) {
                self.counts.refuse(REVERTED);
                self.park(id, run, REVERTED, now);
                continue;
            }
            match self.destination.ask(input.clone())? {
                Answer::Returned(_) => {
                    let hash = self.destination.submit(input)?;
                    (run.sent, run.tried) = (Some(Sending { hash, at: now, aim }), true);
                    self.runs.insert(id, run);
                    under_way += 1;
                }
                Answer::Reverted(data) => self.refused(id, run, &data, now),
            }
        }
        Ok(())
    }

    /// The call that is missing at the destination, if one is, and what it is to bring about.
    fn wanted(
        &self,
        at: u64,
        id: B256,
        errand: Errand,
        certificate: &Bytes,
    ) -> Result<Option<(Bytes, Aim)>, LinkError> {
        let unit = self.origin.unit(at, id)?;
        let proof = || self.origin.proof(at, id);
        let certificate = certificate.clone();
        let (call, aim) = match (errand, unit) {
            (Errand::Right { kind, owner, key }, unit) => {
                let origin = self.origin.chain_id();
                let known = self.view(abi::rightOfCall { origin, kind, owner, key })?;
                let here = self.destination.chain_id();
                let ends = known.nonce != 0 && known.endedHeight == 0;
                match unit.filter(|unit| unit.destination == 0 || unit.destination == here) {
                    Some(unit) if unit.nonce > known.nonce => {
                        let aim = Aim::Known(unit.nonce);
                        (abi::acceptCall { unit, proof: proof()?, certificate }.abi_encode(), aim)
                    }
                    Some(_) => return Ok(None),
                    None if ends => {
                        let call = abi::endCall { origin, kind, owner, key, proof: proof()?, certificate };
                        (call.abi_encode(), Aim::Ended)
                    }
                    None => return Ok(None),
                }
            }
            (_, None) => return Ok(None),
            (errand, Some(unit)) => {
                if self.view(abi::isConsumedCall { id })? {
                    return Ok(None);
                }
                let (proof, aim) = (proof()?, Aim::Known(unit.nonce));
                match errand {
                    Errand::Mint => (abi::mintCall { unit, proof, certificate }.abi_encode(), aim),
                    _ => (abi::unlockCall { unit, proof, certificate }.abi_encode(), aim),
                }
            }
        };
        Ok(Some((call.into(), aim)))
    }

    fn finish(&mut self, id: B256, now: Duration) {
        // What was done by others, or was never to be done here, is not carried.
        if let Some(run) = self.close(id).filter(|run| run.tried) {
            self.counts.carried.fetch_add(1, Relaxed);
            let taken = millis(now.saturating_sub(run.since));
            self.counts.last_ms.store(taken, Relaxed);
            self.counts.total_ms.fetch_add(taken, Relaxed);
        }
    }

    fn close(&mut self, id: B256) -> Option<Run> {
        self.cursor.open.remove(&id);
        self.runs.remove(&id)
    }

    fn refused(&mut self, id: B256, run: Run, data: &[u8], now: Duration) {
        let (refusal, name) = refusal(data);
        match refusal {
            Refusal::Done => self.finish(id, now),
            Refusal::Never => {
                self.counts.refuse(name);
                self.drop_unit(id, name, "a unit is never taken");
            }
            Refusal::MayPass => {
                self.counts.refuse(name);
                self.park(id, run, name, now);
            }
        }
    }

    /// Lets a unit rest, out of the way of others.
    fn park(&mut self, id: B256, mut run: Run, name: &'static str, now: Duration) {
        if run.refusals == 0 {
            let (origin, destination) = self.ends();
            tracing::info!(origin, destination, unit = %id, name, "a unit is not taken yet");
        }
        run.rest(name, now);
        self.runs.insert(id, run);
    }

    /// Gives up what is parked beyond the bound: first what nobody at the destination asked for, rights before assets, and of these
    /// what was refused most often. Anybody may still bring it there.
    pub(crate) fn give_up(&mut self) {
        let over = self.parked().count().saturating_sub(MAX_PARKED);
        if over == 0 {
            return;
        }
        let mut parked: Vec<_> = self.parked().filter(|(_, run)| run.sent.is_none()).collect();
        parked.sort_by_key(|(id, run)| {
            let is_asked = !run.refused.is_some_and(|name| UNASKED.contains(&name));
            let is_asset = self.cursor.open.get(*id).is_some_and(|errand| !matches!(errand, Errand::Right { .. }));
            (is_asked, is_asset, Reverse(run.refusals), **id)
        });
        let given_up: Vec<_> = parked.iter().take(over).map(|(id, run)| (**id, run.refused)).collect();
        for (id, name) in given_up {
            self.drop_unit(id, name.unwrap_or_default(), "a unit is given up: too many are refused");
        }
    }

    fn drop_unit(&mut self, id: B256, name: &'static str, why: &str) {
        let (origin, destination) = self.ends();
        tracing::warn!(origin, destination, unit = %id, name, why);
        self.counts.given_up.fetch_add(1, Relaxed);
        self.close(id);
    }

    fn view<C: SolCall>(&self, call: C) -> Result<C::Return, LinkError> {
        let not_weave = || LinkError::NotWeave(self.destination.chain_id());
        match self.destination.ask(call.abi_encode().into())? {
            Answer::Returned(data) => C::abi_decode_returns(&data).map_err(|_| not_weave()),
            Answer::Reverted(_) => Err(not_weave()),
        }
    }
}
