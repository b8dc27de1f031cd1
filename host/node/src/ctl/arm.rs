//! `caldera engine arm`: sets a staged component, a new configuration or both to go live at a height.
//!
//! The node is asked first whether the component is ready there, and nothing is sent when it is not: a chain whose builder
//! compiles at the height would stand still for it. There is no way around this but another client.

use std::{path::PathBuf, time::Duration};

use alloy_primitives::{Address, Bytes};
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use caldera_types::{Digest, ProbationRule};
use serde::Serialize;

use super::{Admin, CtlError, governor, which_mount};
use crate::{
    output::Report,
    rpc::{Rpc, Watch},
};

/// Gas of an `arm`: a record in the registry, with a configuration of 4 KiB at most.
const ARM_GAS: u64 = 5_000_000;
const WITHIN: Duration = Duration::from_secs(60);

/// What to arm.
#[derive(Clone, Debug)]
pub struct ArmRequest {
    /// Where; the only mount if there is one.
    pub mount: Option<Address>,
    /// The staged component; none for the one that runs there, whose configuration changes.
    pub digest: Option<Digest>,
    /// When.
    pub when: When,
    /// For the `init` of a new mount; for another, a new configuration, or empty to keep the old one.
    pub config: Bytes,
    /// When it goes back.
    pub probation: ProbationRule,
    /// The governor's key, if not from the environment.
    pub key_file: Option<PathBuf>,
}

/// A height, or so many blocks after the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At this height.
    Height(u64),
    /// This many blocks after the head.
    In(u64),
}

/// A component will go live.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Armed {
    event: &'static str,
    /// Where.
    pub mount: Address,
    /// What.
    pub digest: Digest,
    /// Before the first transaction of this block.
    pub height: u64,
    /// The probation that follows.
    pub probation: ProbationRule,
    /// The block that armed it.
    pub block: u64,
}

/// Arms.
pub async fn arm(rpc: &Rpc, admin: &Admin, request: &ArmRequest) -> Result<Armed, CtlError> {
    let mut sender = governor(rpc, request.key_file.as_ref()).await?;
    let mount = which_mount(rpc, request.mount).await?;
    let digest = match request.digest {
        Some(digest) => digest,
        None => running(rpc, mount).await?,
    };
    admin.ready(digest).await?;
    let height = match request.when {
        When::Height(height) => height,
        When::In(blocks) => rpc.block_number().await?.saturating_add(blocks),
    };
    let (config, probation) = (request.config.clone(), request.probation.into());
    let call = abi::armCall { mount, digest: digest.0, height, config, probation };
    // Asked first, so that a refusal is a sentence and not a failed transaction.
    rpc.call_from(sender.address(), registry::ADDRESS, call.clone()).await?;
    let mut watch = Watch::from_head(rpc).await?;
    let receipts = watch.settle(&[sender.call(registry::ADDRESS, &call, ARM_GAS)?], WITHIN).await?;
    let block = receipts.iter().filter_map(|receipt| receipt.block_number).max().unwrap_or_default();
    Ok(Armed { event: "armed", mount, digest, height, probation: request.probation, block })
}

/// The component that runs at a mount.
async fn running(rpc: &Rpc, mount: Address) -> Result<Digest, CtlError> {
    let mounts = rpc.call(registry::ADDRESS, abi::mountsCall {}).await?;
    let found = mounts.into_iter().find(|info| info.mount == mount);
    found.map(|info| Digest(info.digest)).ok_or(CtlError::NothingMounted(mount))
}

impl Report for Armed {
    fn text(&self) -> String {
        let ProbationRule { blocks, window, min_calls, faults_per_thousand } = self.probation;
        let rule = match (self.probation.is_none(), window) {
            (true, _) => "No probation: it is final at once".to_owned(),
            (false, 0) => format!(
                "Probation of {blocks} blocks: it goes back at {faults_per_thousand} faults per thousand calls, from {min_calls} calls on"
            ),
            (false, window) => format!(
                "Probation of {blocks} blocks: it goes back at {faults_per_thousand} faults per thousand calls within {window} blocks, \
                 from {min_calls} calls on"
            ),
        };
        format!(
            "Armed in block {}: {} goes live at {} before the first transaction of block {}\n{rule}",
            self.block,
            self.digest.short(),
            self.mount,
            self.height
        )
    }
}
