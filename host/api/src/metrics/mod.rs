//! What this node counts and times, in the format that Prometheus scrapes (OpenMetrics 1.0).
//!
//! Names follow the conventions of Prometheus: base units, `_total` for what only grows. [`NAMES`] lists all of them, and
//! README.md says what each means. No name, key or content of a transaction is a label: labels are the chain, the mount's
//! address, and words from closed lists; what an engine claims of itself stands in `caldera_engine_info` only.

mod calls;
mod chain;
mod histogram;
mod links;
mod page;
mod rows;
mod scrape;

use std::sync::Arc;

use caldera_weave::Counts;
use parking_lot::RwLock;

pub use chain::ChainMetrics;
pub(crate) use scrape::CONTENT_TYPE;

/// Every family, with the suffixes that its type and unit give it.
pub const NAMES: [&str; 44] = [
    "caldera_build_info",
    "caldera_chain_height",
    "caldera_chain_halted",
    "caldera_follower_root_mismatch",
    "caldera_follower_blocks_behind",
    "caldera_chain_first_state",
    "caldera_chain_pruned_nodes_total",
    "caldera_certified_height",
    "caldera_validator_evidence",
    "caldera_validator_messages_refused_total",
    "caldera_weave_units_carried_total",
    "caldera_weave_units_open",
    "caldera_weave_units_parked",
    "caldera_weave_units_given_up_total",
    "caldera_weave_refusals_total",
    "caldera_weave_failures_total",
    "caldera_weave_lag_blocks",
    "caldera_weave_lag_seconds",
    "caldera_weave_carry_seconds_total",
    "caldera_chain_block_build_seconds",
    "caldera_chain_block_interval_seconds",
    "caldera_chain_transactions_total",
    "caldera_chain_gas_used_total",
    "caldera_chain_pool_transactions",
    "caldera_engine_info",
    "caldera_engine_swap_phase",
    "caldera_engine_migration_ratio",
    "caldera_engine_armed_height",
    "caldera_engine_last_swap_height",
    "caldera_engine_compile_seconds",
    "caldera_engine_call_seconds",
    "caldera_engine_instantiation_seconds",
    "caldera_engine_call_fuel",
    "caldera_engine_memory_peak_bytes",
    "caldera_engine_reverts_total",
    "caldera_engine_faults_total",
    "caldera_shadow_calls_compared_total",
    "caldera_shadow_calls_skipped_total",
    "caldera_shadow_divergences_total",
    "caldera_compile_components_total",
    "caldera_compile_seconds",
    "caldera_compile_cache_seconds_total",
    "caldera_compile_cache_lookups_total",
    "caldera_compile_ready",
];

/// All counts of a node.
#[derive(Default)]
pub struct Metrics {
    chains: RwLock<Vec<Arc<ChainMetrics>>>,
    links: RwLock<Vec<links::LinkMetrics>>,
}

impl Metrics {
    /// Counts of one more chain.
    pub fn chain(&self, name: &str) -> Arc<ChainMetrics> {
        let chain = Arc::new(ChainMetrics::new(name));
        self.chains.write().push(chain.clone());
        chain
    }

    /// Shows what a link counts, from one chain to another by their names.
    pub fn link(&self, origin: &str, destination: &str, counts: &Arc<Counts>) {
        self.links.write().push(links::LinkMetrics::new(origin, destination, counts));
    }
}
