//! What a shadow found: counts by kind of divergence, samples, fuel.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes};
use caldera_types::{Digest, Fault};
use serde::Serialize;

use super::{
    fuel::FuelReport,
    plan::{ShadowLimits, Skip, StateMode},
};

/// How a candidate's call can differ from the active engine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DivergenceKind {
    /// One returned, reverted or faulted and the other did not. Nothing further of such a call is compared.
    Result,
    /// Both returned, other data.
    ReturnData,
    /// Both reverted, with other data; both hooks failed, with another message.
    RevertData,
    /// Both faulted, by another name.
    Fault,
    /// The engine's own storage was changed otherwise.
    Storage,
    /// Other storage, or any balance, nonce or code was changed otherwise.
    Accounts,
    /// Other logs, or in another order.
    Events,
    /// Other sub-calls, in another order, or with another outcome.
    Subcalls,
    /// More or less fuel, beyond what is tolerated.
    Fuel,
}

impl DivergenceKind {
    /// All of them, gravest first.
    pub const ALL: [Self; 9] = [
        Self::Result,
        Self::ReturnData,
        Self::RevertData,
        Self::Fault,
        Self::Storage,
        Self::Accounts,
        Self::Events,
        Self::Subcalls,
        Self::Fuel,
    ];

    /// Its name in reports and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::ReturnData => "return-data",
            Self::RevertData => "revert-data",
            Self::Fault => "fault",
            Self::Storage => "storage",
            Self::Accounts => "accounts",
            Self::Events => "events",
            Self::Subcalls => "subcalls",
            Self::Fuel => "fuel",
        }
    }
}

/// How one of the two ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// `return`, `revert` or `fault`.
    pub result: &'static str,
    /// Return or revert data, cut to the bytes that samples keep.
    pub data: Bytes,
    /// How many bytes it had.
    pub data_bytes: usize,
    /// The fault's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Fuel used.
    pub fuel: u64,
    /// Logs that it left.
    pub events: usize,
    /// Sub-calls that it made.
    pub subcalls: usize,
}

/// One call that diverged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// How.
    pub kind: DivergenceKind,
    /// The first difference, in words.
    pub detail: String,
    /// Height.
    pub block: u64,
    /// The transaction; none in a hook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<B256>,
    /// `call`, `begin-block` or `end-block`.
    pub export: &'static str,
    /// How many EVM frames deep: 1 is the transaction's own call.
    pub depth: usize,
    /// Who called; none in a hook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<Address>,
    /// Calldata, cut to the bytes that samples keep.
    pub input: Bytes,
    /// How many bytes it had.
    pub input_bytes: usize,
    /// What the active engine did.
    pub active: Ending,
    /// What the candidate did.
    pub candidate: Ending,
}

/// On which state the candidate ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateReport {
    /// The active engine's, or a copy.
    pub mode: StateMode,
    /// Copies that were migrated or configured.
    pub copies: u64,
    /// Copies that missed a call and were given up.
    pub out_of_step: u64,
    /// Why the last copy could not be made, if it could not: activation would fail so, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// What a shadow found so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShadowReport {
    /// Where.
    pub mount: Address,
    /// What runs.
    pub active: Digest,
    /// What is tried.
    pub candidate: Digest,
    /// On which state.
    pub state: StateReport,
    /// Blocks executed to their end.
    pub blocks: u64,
    /// The first and the last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<(u64, u64)>,
    /// Calls compared, hooks among them.
    pub compared: u64,
    /// Calls that diverged in any way.
    pub diverging: u64,
    /// Calls that diverged, by how; a call can count for several.
    pub divergences: BTreeMap<DivergenceKind, u64>,
    /// Calls not compared, by why.
    pub skipped: BTreeMap<Skip, u64>,
    /// Fuel of the compared calls.
    pub fuel: FuelReport,
    /// The first few of each kind.
    pub samples: Vec<Sample>,
}

impl ShadowReport {
    pub(super) fn new(mount: Address, active: Digest, candidate: Digest, mode: StateMode) -> Self {
        Self {
            mount,
            active,
            candidate,
            state: StateReport { mode, copies: 0, out_of_step: 0, failure: None },
            blocks: 0,
            range: None,
            compared: 0,
            diverging: 0,
            divergences: DivergenceKind::ALL.into_iter().map(|kind| (kind, 0)).collect(),
            skipped: BTreeMap::new(),
            fuel: FuelReport::default(),
            samples: Vec::new(),
        }
    }

    /// Whether the candidate did everything as the active engine does, as far as calls were compared.
    pub fn agrees(&self) -> bool {
        self.diverging == 0 && self.state.failure.is_none()
    }

    /// Counts calls that were not compared.
    pub fn skip(&mut self, why: Skip, calls: u64) {
        if calls > 0 {
            *self.skipped.entry(why).or_default() += calls;
        }
    }

    /// Counts a block that was executed to its end.
    pub(super) fn block(&mut self, number: u64) {
        self.blocks += 1;
        self.range = Some((self.range.map_or(number, |(first, _)| first), number));
    }

    /// Counts a compared call; `sample` makes one when there is room for it.
    pub(super) fn call(
        &mut self,
        divergences: Vec<(DivergenceKind, String)>,
        limits: ShadowLimits,
        sample: impl Fn(DivergenceKind, String) -> Sample,
    ) {
        self.compared += 1;
        self.diverging += u64::from(!divergences.is_empty());
        for (kind, detail) in divergences {
            *self.divergences.entry(kind).or_default() += 1;
            if self.samples.iter().filter(|sample| sample.kind == kind).count() < limits.samples {
                self.samples.push(sample(kind, detail));
            }
        }
    }
}
