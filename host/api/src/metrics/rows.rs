//! What a page shows of each chain, read before anything is written.

use std::sync::atomic::Ordering::Relaxed;

use caldera_chain::{Chain, RegistryView};
use caldera_types::LastSwap;

use super::{ChainMetrics, calls::Calls, histogram::Counted, page::Labels};
use crate::admin::{
    phase::{Phase, phases},
    port::{CompileState, Compiler, ShadowReport},
};

/// Nanoseconds in a second.
const NS: f64 = 1e9;

/// One chain.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) build: Option<Counted>,
    pub(super) interval: Option<Counted>,
    pub(super) transactions: u64,
    pub(super) gas_used: u64,
    pub(super) calls: Vec<CallRow>,
    pub(super) open: Option<OpenRow>,
    pub(super) shadows: Vec<ShadowReport>,
    /// Zeros where there are no validators.
    pub(super) certified: CertifiedRow,
}

/// What a chain's validators did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CertifiedRow {
    pub(super) height: u64,
    pub(super) equivocations: u64,
    pub(super) wrong_roots: u64,
    pub(super) refused: u64,
}

/// What an open chain says.
#[derive(Debug)]
pub(super) struct OpenRow {
    pub(super) height: u64,
    pub(super) halted: bool,
    /// Of a chain that follows: whether it met a block of its leader that it does not take, and how far it is behind.
    pub(super) alarm: bool,
    pub(super) behind: u64,
    pub(super) first_state: u64,
    pub(super) pruned: u64,
    pub(super) pending: usize,
    pub(super) queued: usize,
    pub(super) mounts: Vec<MountRow>,
}

/// One mount.
#[derive(Debug)]
pub(super) struct MountRow {
    pub(super) engine: String,
    pub(super) info: Labels,
    pub(super) phase: Phase,
    pub(super) armed: Option<u64>,
    pub(super) last_swap: Option<LastSwap>,
    /// How long it took to compile or load, in seconds, and from where it came.
    pub(super) compile: (f64, &'static str),
    pub(super) ready: bool,
}

/// The calls of one mount for one purpose.
#[derive(Debug)]
pub(super) struct CallRow {
    pub(super) labels: Labels,
    pub(super) total: Counted,
    pub(super) instantiation: Counted,
    pub(super) fuel: Counted,
    pub(super) memory_peak_bytes: u64,
    pub(super) reverts: u64,
    pub(super) faults: Vec<u64>,
}

impl Row {
    /// Reads one chain's.
    pub(super) fn read(metrics: &ChainMetrics, compiler: &dyn Compiler) -> Self {
        let mut calls = Vec::new();
        metrics.engine_calls().each(|mount, purpose, counted| {
            let labels = labels(metrics.name(), &[("engine", &mount.to_string()), ("purpose", purpose.name())]);
            calls.push(CallRow::read(labels, counted));
        });
        Self {
            name: metrics.name().to_owned(),
            build: Some(metrics.build.read(NS)),
            interval: Some(metrics.interval.read(NS)),
            transactions: metrics.transactions.load(Relaxed),
            gas_used: metrics.gas_used.load(Relaxed),
            calls,
            open: metrics.open_chain().map(|chain| OpenRow::read(&chain, compiler)),
            shadows: metrics.shadow_runs().map(|shadows| shadows.reports()).unwrap_or_default(),
            certified: metrics.certificates().map_or_else(CertifiedRow::default, |certified| {
                let (equivocations, wrong_roots) = certified.evidence_counts();
                CertifiedRow { height: certified.newest(), equivocations, wrong_roots, refused: certified.refused() }
            }),
        }
    }

    /// The chain's label and others.
    pub(super) fn labels(&self, more: &[(&'static str, &str)]) -> Labels {
        labels(&self.name, more)
    }
}

impl CallRow {
    fn read(labels: Labels, calls: &Calls) -> Self {
        Self {
            labels,
            total: calls.total.read(NS),
            instantiation: calls.instantiation.read(NS),
            fuel: calls.fuel.read(1.0),
            memory_peak_bytes: calls.memory_peak_bytes.load(Relaxed),
            reverts: calls.reverts.load(Relaxed),
            faults: calls.faults.iter().map(|count| count.load(Relaxed)).collect(),
        }
    }
}

impl OpenRow {
    fn read(chain: &Chain, compiler: &dyn Compiler) -> Self {
        let (pool, follows, height) = (chain.pool_status(), chain.follow_status(), chain.head().number());
        let mounts = match chain.registry() {
            Ok(registry) => mounts(&registry, compiler),
            Err(error) => {
                tracing::warn!(chain = chain.name(), %error, "the registry cannot be read for metrics");
                Vec::new()
            }
        };
        Self {
            height,
            halted: chain.halted().is_some(),
            alarm: follows.as_ref().is_some_and(|status| status.alarm.is_some()),
            behind: follows.and_then(|status| status.leader_head).unwrap_or_default().saturating_sub(height),
            first_state: chain.first_state(),
            pruned: chain.pruned().removed,
            pending: pool.pending,
            queued: pool.queued,
            mounts,
        }
    }
}

fn mounts(registry: &RegistryView, compiler: &dyn Compiler) -> Vec<MountRow> {
    let mut phases = phases(registry);
    let row = |mount: &caldera_types::Mount| {
        let claims = registry.staged.iter().find(|staged| staged.digest == mount.digest);
        MountRow {
            engine: mount.address.to_string(),
            info: vec![
                ("digest", mount.digest.to_string()),
                ("name", claims.map(|claims| claims.name.clone()).unwrap_or_default()),
                ("version", claims.map(|claims| claims.version.clone()).unwrap_or_default()),
                ("state_version", mount.state_version.to_string()),
                ("generation", mount.generation.to_string()),
            ],
            phase: phases.remove(&mount.address).unwrap_or_default(),
            armed: registry.armed.iter().find(|armed| armed.mount == mount.address).map(|armed| armed.height),
            last_swap: registry.ended.get(&mount.address).copied(),
            compile: match compiler.state(mount.digest) {
                CompileState::Ready { millis, from_cache, .. } => {
                    (millis as f64 / 1e3, if from_cache { "cache" } else { "compiler" })
                }
                _ => (0.0, "none"),
            },
            ready: matches!(compiler.state(mount.digest), CompileState::Ready { .. })
                || compiler.is_ready(mount.digest, mount.grants),
        }
    };
    registry.mounts.iter().map(row).collect()
}

/// The chain's label and others.
fn labels(chain: &str, more: &[(&'static str, &str)]) -> Labels {
    let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
    [("chain", chain.to_owned())].into_iter().chain(more).collect()
}
