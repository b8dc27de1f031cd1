//! `caldera engine ls`: the mounts of a chain and the components that wait.

use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use caldera_types::{Digest, Grants};
use serde::Serialize;

use super::CtlError;
use crate::{
    output::{Align, Report, Table},
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
}

/// Asks the registry.
pub async fn list(rpc: &Rpc) -> Result<EngineList, CtlError> {
    let digests = rpc.call(registry::ADDRESS, abi::stagedDigestsCall {}).await?;
    let calls: Vec<_> = digests.into_iter().map(|digest| abi::stagedComponentCall { digest }).collect();
    let staged = rpc.call_many(registry::ADDRESS, &calls).await?;
    let mounts = rpc.call(registry::ADDRESS, abi::mountsCall {}).await?;
    let mounts = mounts.into_iter().map(|mount| {
        let claim = staged.iter().find(|staged| staged.digest == mount.digest);
        Mounted {
            address: mount.mount.to_string(),
            name: claim.map(|claim| claim.name.clone()).unwrap_or_default(),
            version: claim.map(|claim| claim.version.clone()).unwrap_or_default(),
            digest: Digest(mount.digest),
            grants: Grants::from_bits(mount.grants).map_or_else(|| "unknown".to_owned(), |grants| grants.to_string()),
            state_version: mount.stateVersion,
            generation: mount.generation,
        }
    });
    let staged = staged.iter().map(|staged| StagedLine {
        digest: Digest(staged.digest),
        name: staged.name.clone(),
        version: staged.version.clone(),
        state_version: staged.stateVersion,
        staged_at: staged.stagedAt,
    });
    Ok(EngineList { event: "engines", mounts: mounts.collect(), staged: staged.collect() })
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
            ]);
        }
        let mut staged =
            Table::new([left("digest"), left("engine"), left("version"), right("state"), right("staged at")]);
        for line in &self.staged {
            staged.row([
                line.digest.to_string(),
                line.name.clone(),
                line.version.clone(),
                line.state_version.to_string(),
                line.staged_at.to_string(),
            ]);
        }
        format!("Mounted\n{mounts}\nStaged\n{staged}")
    }
}
