//! `caldera weave config`: what the weave engine's `init` is given, for `config` of a `[[chain.mount]]`.

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolValue as _;
use serde::Serialize;
use weave_rules::abi::Weave as abi;

use crate::output::Report;

/// The configuration of a weave engine that believes nobody yet.
#[derive(Debug, Serialize)]
pub struct EngineConfig {
    event: &'static str,
    /// ABI-encoded `Weave.Config`.
    pub config: Bytes,
}

impl EngineConfig {
    /// Of an engine with this governor; a bond leaves so many seconds after it was asked back, and of a slashed one the reporter gets
    /// so many basis points.
    pub fn new(governor: Address, unbond_seconds: u64, reward_bps: u16) -> Self {
        let config = abi::Config {
            governor,
            unbondSeconds: unbond_seconds,
            rewardBps: reward_bps,
            origins: Vec::new(),
            epoch: 0,
            committee: Vec::new(),
        };
        Self { event: "config", config: config.abi_encode().into() }
    }
}

impl Report for EngineConfig {
    fn text(&self) -> String {
        self.config.to_string()
    }
}
