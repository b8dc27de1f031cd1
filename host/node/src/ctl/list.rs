//! `caldera engine ls`: the mounts of a chain and the components that wait.

use caldera_api::admin::view::{CompileState, RoadView, ShadowBrief};
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use caldera_types::{Digest, Grants};
use serde::Serialize;

use super::{Admin, AdminClientError, CtlError, stage::compile_text};
use crate::{
    output::{self, Align, Report, Table},
    rpc::Rpc,
};

/// What a chain runs and holds ready.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineList {
    event: &'static str,
    /// The engines, by address.
    pub mounts: Vec<Mounted>,
    /// Every staged component, in the order of staging.
    pub staged: Vec<StagedLine>,
    /// Why nothing is said of the node, if nothing is.
    pub node_error: Option<String>,
}

/// One engine.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mounted {
    /// Where.
    pub address: String,
    /// The name it claims.
    pub name: String,
    /// The version it claims.
    pub version: String,
    /// What it is.
    pub digest: Digest,
    /// What it may import.
    pub grants: String,
    /// Layout of its state.
    pub state_version: u32,
    /// How often the pointer has moved.
    pub generation: u32,
    /// What it is doing: `active`, `migrating`, `rolling-back`, `probation` or `frozen`.
    pub phase: String,
    /// Height at which something else goes live there.
    pub armed: Option<u64>,
    /// How the last swap there ended, if one has.
    pub last_swap: Option<Ended>,
}

/// A swap that came to its end.
#[derive(Debug, Serialize)]
pub struct Ended {
    /// What was to go live.
    pub digest: Digest,
    /// `final`, `reverted`, `failed` or `frozen`.
    pub outcome: String,
    /// In which block.
    pub height: u64,
}

impl Ended {
    fn of(info: &abi::LastSwapInfo) -> Option<Self> {
        let (digest, height) = (Digest(info.digest), info.height);
        (!info.outcome.is_empty()).then(|| Self { digest, outcome: info.outcome.clone(), height })
    }
}

/// One staged component.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StagedLine {
    /// What it is.
    pub digest: Digest,
    /// The name it claims.
    pub name: String,
    /// The version it claims.
    pub version: String,
    /// Layout of its state.
    pub state_version: u32,
    /// When it was staged.
    pub staged_at: u64,
    /// How far it is on the node; none when the node was not asked.
    pub here: Option<Here>,
}

/// What one node has done with a component.
#[derive(Clone, Debug, Serialize)]
pub struct Here {
    /// How far it is to native code.
    pub compile: CompileState,
    /// Whether it can be called now.
    pub ready: bool,
    /// Shadow runs of it.
    pub shadows: Vec<ShadowBrief>,
}

/// Asks the registry.
pub async fn list(rpc: &Rpc) -> Result<EngineList, CtlError> {
    let digests = rpc.call(registry::ADDRESS, abi::stagedDigestsCall {}).await?;
    let calls: Vec<_> = digests.into_iter().map(|digest| abi::stagedComponentCall { digest }).collect();
    let staged = rpc.call_many(registry::ADDRESS, &calls).await?;
    let mounts = rpc.call(registry::ADDRESS, abi::mountsCall {}).await?;
    let armed = rpc.call(registry::ADDRESS, abi::armedCall {}).await?;
    let swaps = rpc.call(registry::ADDRESS, abi::swapsCall {}).await?;
    let calls: Vec<_> = mounts.iter().map(|mount| abi::lastSwapCall { mount: mount.mount }).collect();
    let ended = rpc.call_many(registry::ADDRESS, &calls).await?;
    let mounts = mounts.into_iter().zip(&ended).map(|(mount, ended)| {
        let phase = swaps.iter().find(|swap| swap.mount == mount.mount).map(|swap| swap.phase.as_str());
        let claim = staged.iter().find(|staged| staged.digest == mount.digest);
        Mounted {
            address: mount.mount.to_string(),
            name: claim.map(|claim| claim.name.clone()).unwrap_or_default(),
            version: claim.map(|claim| claim.version.clone()).unwrap_or_default(),
            digest: Digest(mount.digest),
            grants: Grants::from_bits(mount.grants).map_or_else(|| "unknown".to_owned(), |grants| grants.to_string()),
            state_version: mount.stateVersion,
            generation: mount.generation,
            phase: phase.unwrap_or("active").to_owned(),
            armed: armed.iter().find(|armed| armed.mount == mount.mount).map(|armed| armed.height),
            last_swap: Ended::of(ended),
        }
    });
    let staged = staged.iter().map(|staged| StagedLine {
        digest: Digest(staged.digest),
        name: staged.name.clone(),
        version: staged.version.clone(),
        state_version: staged.stateVersion,
        staged_at: staged.stagedAt,
        here: None,
    });
    Ok(EngineList { event: "engines", mounts: mounts.collect(), staged: staged.collect(), node_error: None })
}

impl EngineList {
    /// Adds what a node says of its own part, or why it says nothing.
    pub async fn with_node(mut self, node: Result<Admin, AdminClientError>) -> Self {
        let said = match node {
            Ok(admin) => admin.engines().await,
            Err(error) => Err(error),
        };
        match said {
            Ok(view) => self.staged.iter_mut().for_each(|line| {
                let road = view.components.iter().find(|road| road.digest == line.digest).cloned();
                line.here = road.map(|RoadView { compile, ready, shadows, .. }| Here { compile, ready, shadows });
            }),
            Err(error) => self.node_error = Some(error.to_string()),
        }
        self
    }
}

impl Here {
    fn text(&self) -> String {
        let mut text = match (&self.compile, self.ready) {
            (_, true) => "ready".to_owned(),
            (CompileState::Ready { .. } | CompileState::Absent, false) => "not ready".to_owned(),
            (state, false) => compile_text(state),
        };
        for run in &self.shadows {
            text +=
                &format!(", shadow {}: {} calls, {} differ", run.state, output::count(run.compared), run.divergences);
        }
        text
    }
}

impl Report for EngineList {
    fn text(&self) -> String {
        let (left, right) = (|name| (name, Align::Left), |name| (name, Align::Right));
        let mut mounts = Table::new([
            left("address"),
            left("engine"),
            left("version"),
            left("digest"),
            right("state"),
            right("generation"),
            left("grants"),
            left("phase"),
            left("last swap"),
        ]);
        for mount in &self.mounts {
            mounts.row([
                mount.address.clone(),
                mount.name.clone(),
                mount.version.clone(),
                mount.digest.short(),
                mount.state_version.to_string(),
                mount.generation.to_string(),
                mount.grants.clone(),
                match mount.armed {
                    Some(height) => format!("{}, armed for block {height}", mount.phase),
                    None => mount.phase.clone(),
                },
                mount.last_swap.as_ref().map_or_else(String::new, |last| {
                    format!("{} in block {}: {}", last.outcome, last.height, last.digest.short())
                }),
            ]);
        }
        let mut staged = Table::new([
            left("digest"),
            left("engine"),
            left("version"),
            right("state"),
            right("staged at"),
            left("here"),
        ]);
        for line in &self.staged {
            staged.row([
                line.digest.to_string(),
                line.name.clone(),
                line.version.clone(),
                line.state_version.to_string(),
                line.staged_at.to_string(),
                line.here.as_ref().map_or_else(|| "?".to_owned(), Here::text),
            ]);
        }
        let note = self.node_error.as_ref().map(|why| format!("What the node has ready is unknown: {why}"));
        format!("Mounted\n{mounts}\nStaged\n{staged}{}", note.unwrap_or_default())
    }
}
