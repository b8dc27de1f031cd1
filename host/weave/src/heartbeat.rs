//! Roots without units, so that proofs of others are not stale at a destination that gets nothing else.

use std::time::Duration;

use alloy_primitives::Bytes;
use alloy_sol_types::SolCall as _;
use weave_rules::abi::Weave as abi;

use crate::{
    Answer, Link, LinkError, refusal,
    run::{Aim, REVERTED, Run, Sending},
};

/// How the last one went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heartbeat {
    run: Run,
    /// For which block the destination was asked last whether it needs one.
    asked: u64,
}

impl Link {
    /// Lets the destination know a root if the last one is long ago.
    pub(crate) fn beat(&mut self, certified: u64, now: Duration) -> Result<(), LinkError> {
        let mut run = self.heartbeat.run;
        if run.sent.is_some() {
            if run.waits(&*self.destination, now)? {
                return Ok(());
            }
            self.heartbeat = Heartbeat { run, asked: 0 };
        }
        if self.options.heartbeat == 0 || certified == 0 || run.due > now || self.heartbeat.asked == certified {
            return Ok(());
        }
        let asked = abi::originOfCall { chainId: self.origin.chain_id() }.abi_encode();
        let known = match self.destination.ask(asked.into())? {
            Answer::Returned(data) => abi::originOfCall::abi_decode_returns(&data),
            // One that is not known there gets no roots.
            Answer::Reverted(_) => {
                self.heartbeat.asked = certified;
                return Ok(());
            }
        };
        let known = known.map_err(|_| LinkError::NotWeave(self.destination.chain_id()))?;
        if known.frozen || certified < known.latestHeight.saturating_add(self.options.heartbeat) {
            self.heartbeat = Heartbeat { run: Run::default(), asked: certified };
            return Ok(());
        }
        if run.mined.take().is_some() {
            self.counts.refuse(REVERTED);
            run.rest(REVERTED, now);
            self.heartbeat.run = run;
            return Ok(());
        }
        let Some(certificate) = self.origin.certificate(certified)? else { return Ok(()) };
        let input: Bytes = abi::submitRootsCall { certificates: vec![certificate] }.abi_encode().into();
        match self.destination.ask(input.clone())? {
            Answer::Returned(_) => {
                let hash = self.destination.submit(input)?;
                run.sent = Some(Sending { hash, at: now, aim: Aim::Known(certified) });
            }
            Answer::Reverted(data) => {
                let (_, name) = refusal(&data);
                self.counts.refuse(name);
                run.rest(name, now);
            }
        }
        self.heartbeat.run = run;
        Ok(())
    }
}
