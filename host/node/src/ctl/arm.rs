//! `caldera engine arm`: sets a staged component to go live at a height.

use std::{path::PathBuf, time::Duration};

use alloy_primitives::{Address, Bytes};
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use caldera_types::{Digest, ProbationRule};
use serde::Serialize;

use super::{CtlError, governor};
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
    /// The staged component.
    pub digest: Digest,
    /// When.
    pub when: When,
    /// For the `init` of a new mount.
    pub config: Bytes,
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
    /// The block that armed it.
    pub block: u64,
}

/// Arms.
pub async fn arm(rpc: &Rpc, request: &ArmRequest) -> Result<Armed, CtlError> {
    let mut sender = governor(rpc, request.key_file.as_ref()).await?;
    let mount = match request.mount {
        Some(mount) => mount,
        None => only_mount(rpc).await?,
    };
    let height = match request.when {
        When::Height(height) => height,
        When::In(blocks) => rpc.block_number().await? + blocks,
    };
    let call = abi::armCall {
        mount,
        digest: request.digest.0,
        height,
        config: request.config.clone(),
        probation: ProbationRule::NONE.into(),
    };
    // Asked first, so that a refusal is a sentence and not a failed transaction.
    rpc.call_from(sender.address(), registry::ADDRESS, call.clone()).await?;
    let mut watch = Watch::from_head(rpc).await?;
    let receipts = watch.settle(&[sender.call(registry::ADDRESS, &call, ARM_GAS)?], WITHIN).await?;
    let block = receipts.iter().filter_map(|receipt| receipt.block_number).max().unwrap_or_default();
    Ok(Armed { event: "armed", mount, digest: request.digest, height, block })
}

async fn only_mount(rpc: &Rpc) -> Result<Address, CtlError> {
    let mounts = rpc.call(registry::ADDRESS, abi::mountsCall {}).await?;
    match mounts.as_slice() {
        [mount] => Ok(mount.mount),
        [] => Err(CtlError::WhichMount("none yet".to_owned())),
        many => {
            Err(CtlError::WhichMount(many.iter().map(|mount| mount.mount.to_string()).collect::<Vec<_>>().join(", ")))
        }
    }
}

impl Report for Armed {
    fn text(&self) -> String {
        format!(
            "Armed in block {}: {} goes live at {} before the first transaction of block {}",
            self.block,
            self.digest.short(),
            self.mount,
            self.height
        )
    }
}
