//! The shadow runs of one chain, as the admin API asks for them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use alloy_primitives::Address;
use caldera_api::admin::port::{ShadowError, ShadowPlan, ShadowReport, Shadows};
use caldera_chain::{
    Chain,
    shadow::{
        Candidate, CandidateCode, MAX_SHADOWS, ShadowError as ChainShadowError, ShadowOptions, ShadowState,
        ShadowStatus,
    },
};
use caldera_execution::shadow::ShadowLimits;

/// Most runs under way on one chain. Each takes instances of the engine runtime, which has room for so many and no more.
pub const MAX_RUNS: usize = MAX_SHADOWS;

/// One chain's. Does not keep it open.
pub struct ChainShadows {
    chain: Weak<Chain>,
    /// Held while one starts, so that two do not take the last place.
    starting: Mutex<()>,
    /// The last report of each run that was stopped, until another takes its place.
    stopped: Mutex<BTreeMap<Address, ShadowReport>>,
}

impl ChainShadows {
    /// None is under way yet.
    pub fn new(chain: &Arc<Chain>) -> Self {
        Self { chain: Arc::downgrade(chain), starting: Mutex::default(), stopped: Mutex::default() }
    }

    fn chain(&self) -> Result<Arc<Chain>, ShadowError> {
        self.chain.upgrade().ok_or_else(|| ShadowError::Node("the chain is closed".to_owned()))
    }

    fn stopped(&self) -> MutexGuard<'_, BTreeMap<Address, ShadowReport>> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shadows for ChainShadows {
    fn start(&self, plan: ShadowPlan) -> Result<(), ShadowError> {
        let samples = usize::try_from(plan.samples).unwrap_or(usize::MAX);
        let options = ShadowOptions {
            share_percent: plan.share_percent.into(),
            every: plan.every,
            limits: ShadowLimits { samples, ..ShadowLimits::recommended() },
        };
        let mount = plan.mount;
        let candidate = Candidate {
            mount,
            code: CandidateCode::Given(plan.component),
            grants: Some(plan.grants),
            limits: Some(plan.limits),
            config: plan.config,
        };
        let chain = self.chain()?;
        let _starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        let running = |status: &ShadowStatus| status.state == ShadowState::Running && status.report.mount != mount;
        if chain.shadows().iter().filter(|status| running(status)).count() >= MAX_RUNS {
            return Err(ShadowError::Full(MAX_RUNS));
        }
        chain.start_shadow(&candidate, options).map_err(refusal)?;
        self.stopped().remove(&mount);
        Ok(())
    }

    fn stop(&self, mount: Address) -> Result<(), ShadowError> {
        let status = self.chain()?.stop_shadow(mount).ok_or(ShadowError::NotRunning(mount))?;
        self.stopped().insert(mount, report(&status));
        Ok(())
    }

    fn reports(&self) -> Vec<ShadowReport> {
        let Ok(chain) = self.chain() else { return Vec::new() };
        let mut reports = self.stopped().clone();
        reports.extend(chain.shadows().iter().map(|status| (status.report.mount, report(status))));
        reports.into_values().collect()
    }
}

/// Whose fault it is that a run does not start.
fn refusal(error: ChainShadowError) -> ShadowError {
    match error {
        ChainShadowError::Running { mount, candidate } => ShadowError::Running { mount, candidate },
        ChainShadowError::NotMounted(_) | ChainShadowError::NotStaged(_) | ChainShadowError::Rejected { .. } => {
            ShadowError::Refused(error.to_string())
        }
        error => ShadowError::Node(error.to_string()),
    }
}

fn report(status: &ShadowStatus) -> ShadowReport {
    let found = &status.report;
    ShadowReport {
        mount: found.mount,
        candidate: found.candidate,
        state: match &status.state {
            ShadowState::Running => "running".to_owned(),
            ShadowState::Stopped => "stopped".to_owned(),
            ShadowState::Finished(why) => format!("finished: {why}"),
            ShadowState::Failed(why) => format!("failed: {why}"),
        },
        compared: found.compared,
        skipped: found.skipped.iter().map(|(why, calls)| (why.name().to_owned(), *calls)).collect(),
        divergences: found.divergences.iter().map(|(kind, calls)| (kind.name().to_owned(), *calls)).collect(),
        // A struct of strings and numbers always becomes JSON.
        detail: serde_json::to_value(status).unwrap_or_default(),
    }
}
