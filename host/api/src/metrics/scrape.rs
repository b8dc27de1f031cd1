//! One page for a scraper: what was counted, and what is asked of the chains now.

use std::fmt;

use caldera_types::Fault;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, text},
    registry::Registry,
};

use super::{
    Metrics,
    histogram::Counted,
    links::{self, LinkMetrics, LinkRow},
    page::{Labels, Page},
    rows::{CallRow, MountRow, OpenRow, Row},
};
use crate::{
    admin::{
        phase::Phase,
        port::{CompileCounters, Compiler, ShadowReport},
    },
    node::CLIENT_VERSION,
};

/// The media type of a page.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Metrics {
    /// Writes a page. Reads the registries of the chains, so it takes a millisecond or two.
    pub(crate) fn page(&self, compiler: &dyn Compiler) -> String {
        let chains: Vec<_> = self.chains.read().iter().map(|chain| Row::read(chain, compiler)).collect();
        let mut registry = Registry::default();
        let links = self.links.read().iter().map(LinkMetrics::read).collect();
        registry.register_collector(Box::new(Scrape { chains, links, compile: compiler.counters() }));
        let mut page = String::new();
        // Writing to a string fails only when memory does, and allocation aborts then.
        match text::encode(&mut page, &registry) {
            Ok(()) => page,
            Err(error) => format!("# {error}\n# EOF\n"),
        }
    }
}

/// Everything on a page, read before it is written.
#[derive(Debug)]
struct Scrape {
    chains: Vec<Row>,
    links: Vec<LinkRow>,
    compile: CompileCounters,
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let page = &mut Page(encoder);
        let version = CLIENT_VERSION.rsplit('v').next().unwrap_or_default();
        page.gauge(
            ("caldera_build_info", "The version of this node"),
            vec![(vec![("version", version.to_owned())], 1.0)],
        )?;
        self.chains(page)?;
        links::write(&self.links, page)?;
        self.engines(page)?;
        self.calls(page)?;
        self.shadows(page)?;
        self.compiler(page)
    }
}

impl Scrape {
    /// One series of each chain.
    fn each<T>(&self, read: impl Fn(&Row) -> Option<T>) -> Vec<(Labels, T)> {
        self.chains.iter().filter_map(|row| Some((row.labels(&[]), read(row)?))).collect()
    }

    fn chains(&self, page: &mut Page<'_>) -> fmt::Result {
        let open = |read: fn(&OpenRow) -> f64| self.each(|row| row.open.as_ref().map(read));
        page.gauge(("caldera_chain_height", "Height of the newest block"), open(|row| row.height as f64))?;
        page.gauge(
            ("caldera_chain_halted", "Whether the chain makes no blocks because somebody has to look at it"),
            open(|row| f64::from(u8::from(row.halted))),
        )?;
        page.gauge(
            (
                "caldera_follower_root_mismatch",
                "Whether a block of the leader is not what its execution gives here; both roots are in /health",
            ),
            open(|row| f64::from(u8::from(row.alarm))),
        )?;
        page.gauge(
            ("caldera_follower_blocks_behind", "Blocks that the leader is known to have and this node has not"),
            open(|row| row.behind as f64),
        )?;
        page.gauge(
            ("caldera_chain_first_state", "Height of the first block whose state is kept"),
            open(|row| row.first_state as f64),
        )?;
        page.counter(
            ("caldera_chain_pruned_nodes", "Trie nodes of old states that were let go"),
            self.each(|row| row.open.as_ref().map(|open| open.pruned)),
        )?;
        page.gauge(
            ("caldera_certified_height", "Height of the newest block that the chain's validators certified"),
            self.each(|row| Some(row.certified.height as f64)),
        )?;
        let evidence = self.chains.iter().flat_map(|row| {
            [("equivocation", row.certified.equivocations), ("wrong-root", row.certified.wrong_roots)]
                .map(|(kind, count)| (row.labels(&[("kind", kind)]), count as f64))
        });
        page.gauge(("caldera_validator_evidence", "Pieces of evidence kept against validators"), evidence.collect())?;
        page.counter(
            ("caldera_validator_messages_refused", "Votes and certificates that counted for nothing"),
            self.each(|row| Some(row.certified.refused)),
        )?;
        page.histogram(
            ("caldera_chain_block_build_seconds", "Time to build, commit and publish a block"),
            self.each(|row| row.build.clone()),
        )?;
        page.histogram(
            ("caldera_chain_block_interval_seconds", "Time from one published block to the next"),
            self.each(|row| row.interval.clone()),
        )?;
        page.counter(
            ("caldera_chain_transactions", "Transactions in blocks that this node made"),
            self.each(|row| Some(row.transactions)),
        )?;
        page.counter(
            ("caldera_chain_gas_used", "Gas used in blocks that this node made"),
            self.each(|row| Some(row.gas_used)),
        )?;
        let pool = self.chains.iter().filter_map(|row| Some((row, row.open.as_ref()?))).flat_map(|(row, open)| {
            [("pending", open.pending), ("queued", open.queued)]
                .map(|(state, count)| (row.labels(&[("state", state)]), count as f64))
        });
        page.gauge(("caldera_chain_pool_transactions", "Transactions that wait for a block"), pool.collect())
    }

    /// One series of each mount.
    fn mounts<T>(&self, read: impl Fn(&MountRow) -> Option<T>) -> Vec<(Labels, T)> {
        let mounts =
            self.chains.iter().flat_map(|row| row.open.iter().flat_map(|open| &open.mounts).map(move |m| (row, m)));
        mounts.filter_map(|(row, mount)| Some((row.labels(&[("engine", &mount.engine)]), read(mount)?))).collect()
    }

    fn engines(&self, page: &mut Page<'_>) -> fmt::Result {
        let info = self.mounts(|mount| Some(mount.info.clone()));
        let info = info.into_iter().map(|(labels, info)| ([labels, info].concat(), 1.0)).collect();
        page.gauge(("caldera_engine_info", "What is mounted, and what it claims to be"), info)?;
        let phases = self.mounts(|mount| Some(mount.phase.name())).into_iter().flat_map(|(labels, now)| {
            Phase::NAMES.map(|name| {
                let value = f64::from(u8::from(name == now));
                ([labels.clone(), vec![("phase", name.to_owned())]].concat(), value)
            })
        });
        page.gauge(("caldera_engine_swap_phase", "1 for the phase that the mount is in"), phases.collect())?;
        let migration = self.mounts(|mount| match mount.phase {
            Phase::Migrating { done, total, .. } => Some(done as f64 / total.max(1) as f64),
            _ => Some(1.0),
        });
        page.gauge(
            ("caldera_engine_migration_ratio", "How much of the state is in its layout, by the engine's own count"),
            migration,
        )?;
        page.gauge(
            ("caldera_engine_armed_height", "Height at which something else goes live; 0 when nothing is armed"),
            self.mounts(|mount| Some(mount.armed.unwrap_or_default() as f64)),
        )?;
        let ended = self.mounts(|mount| mount.last_swap).into_iter().map(|(labels, last)| {
            ([labels, vec![("outcome", last.outcome.name().to_owned())]].concat(), last.height as f64)
        });
        page.gauge(
            ("caldera_engine_last_swap_height", "Height at which the last swap ended, by how it ended"),
            ended.collect(),
        )?;
        let compiled = self
            .mounts(|mount| Some(mount.compile))
            .into_iter()
            .map(|(labels, (seconds, source))| ([labels, vec![("source", source.to_owned())]].concat(), seconds));
        page.gauge(
            (
                "caldera_engine_compile_seconds",
                "How long the mounted component took to compile, or to load from the cache",
            ),
            compiled.collect(),
        )?;
        page.gauge(
            ("caldera_compile_ready", "Whether the mounted component is ready to be called on this node"),
            self.mounts(|mount| Some(f64::from(u8::from(mount.ready)))),
        )
    }

    /// One series of each mount and purpose that had calls.
    fn called<T>(&self, read: impl Fn(&CallRow) -> T) -> Vec<(Labels, T)> {
        self.chains.iter().flat_map(|row| &row.calls).map(|row| (row.labels.clone(), read(row))).collect()
    }

    fn calls(&self, page: &mut Page<'_>) -> fmt::Result {
        page.histogram(
            ("caldera_engine_call_seconds", "Time of a call, with all that it called in turn"),
            self.called(|row| row.total.clone()),
        )?;
        page.histogram(
            ("caldera_engine_instantiation_seconds", "Time until the instance of a call stood"),
            self.called(|row| row.instantiation.clone()),
        )?;
        page.histogram(
            ("caldera_engine_call_fuel", "Fuel of a call, its instance apart"),
            self.called(|row| row.fuel.clone()),
        )?;
        page.gauge(
            ("caldera_engine_memory_peak_bytes", "Most memory that one instance had since the node started"),
            self.called(|row| row.memory_peak_bytes as f64),
        )?;
        page.counter(
            ("caldera_engine_reverts", "Calls that the engine refused by its own rules"),
            self.called(|row| row.reverts),
        )?;
        let faults = self.chains.iter().flat_map(|row| &row.calls).flat_map(|row| {
            let named = Fault::all().zip(&row.faults);
            named
                .map(|(fault, count)| ([row.labels.clone(), vec![("fault", fault.name().to_owned())]].concat(), *count))
        });
        page.counter(("caldera_engine_faults", "Calls that were halted, by the fault's name"), faults.collect())
    }

    /// One series of each shadow run.
    fn runs<'a, T>(&'a self, read: impl Fn(&'a ShadowReport) -> Vec<(Labels, T)>) -> Vec<(Labels, T)> {
        let runs = self.chains.iter().flat_map(|row| row.shadows.iter().map(move |report| (row, report)));
        let series = runs.flat_map(|(row, report)| {
            let labels =
                row.labels(&[("engine", &report.mount.to_string()), ("candidate", &report.candidate.to_string())]);
            read(report).into_iter().map(move |(more, value)| ([labels.clone(), more].concat(), value))
        });
        series.collect()
    }

    fn shadows(&self, page: &mut Page<'_>) -> fmt::Result {
        let by = |label: &'static str, counts: &std::collections::BTreeMap<String, u64>| -> Vec<(Labels, u64)> {
            counts.iter().map(|(name, count)| (vec![(label, name.clone())], *count)).collect()
        };
        page.counter(
            ("caldera_shadow_calls_compared", "Calls that ran in the active engine and in the candidate"),
            self.runs(|report| vec![(Vec::new(), report.compared)]),
        )?;
        page.counter(
            ("caldera_shadow_calls_skipped", "Calls that the candidate did not get, by reason"),
            self.runs(|report| by("reason", &report.skipped)),
        )?;
        page.counter(
            ("caldera_shadow_divergences", "Differences between active engine and candidate, by kind"),
            self.runs(|report| by("kind", &report.divergences)),
        )
    }

    fn compiler(&self, page: &mut Page<'_>) -> fmt::Result {
        let compile = &self.compile;
        let by = |counts: &[(&str, u64)]| {
            counts.iter().map(|(outcome, count)| (vec![("outcome", (*outcome).to_owned())], *count)).collect()
        };
        let components = [("compiled", compile.compiled), ("refused", compile.refused), ("failed", compile.failed)];
        page.counter(("caldera_compile_components", "Components given to the compiler, by outcome"), by(&components))?;
        page.histogram(
            ("caldera_compile_seconds", "Time that a component took to compile, whatever came of it"),
            vec![(Vec::new(), Counted::from(compile.compile_times))],
        )?;
        page.seconds(
            ("caldera_compile_cache_seconds", "Time spent loading compiled components from the cache"),
            compile.cache_time.as_secs_f64(),
        )?;
        let lookups =
            [("hit", compile.cache_hits), ("miss", compile.cache_misses), ("rejected", compile.cache_rejected)];
        page.counter(
            ("caldera_compile_cache_lookups", "Look-ups in the cache of compiled components, by outcome"),
            by(&lookups),
        )
    }
}
