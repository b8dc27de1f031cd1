//! `caldera engine stage FILE`: brings a component onto a chain, and `prepare`: makes the node ready to run it.
//!
//! The node checks it first, with the same code that every node of the chain runs, so that a component which would be
//! rejected costs nothing; and compiles it afterwards, so that it can be armed.

use std::{path::PathBuf, time::Duration};

use alloy_primitives::U256;
use alloy_sol_types::SolCall;
use caldera_api::admin::view::CompileState;
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use caldera_types::{
    Component, Digest, EngineLimits, Grants,
    limits::{STAGE_BASE_GAS, STAGE_GAS_PER_BYTE},
};
use serde::Serialize;

use super::{Admin, AdminClientError, CtlError, governor};
use crate::{
    component,
    output::{self, Align, Report, Table},
    rpc::{Rpc, Sender, SignedTx, Watch},
};

/// Gas beside the price of the component's bytes: the transaction itself and the registry's record.
const RECORD_GAS: u64 = 500_000;
/// A block or two, and the compiler's time.
const WITHIN: Duration = Duration::from_secs(60);

/// What to stage.
#[derive(Clone, Debug)]
pub struct StageRequest {
    /// File of the component.
    pub file: PathBuf,
    /// What it may import.
    pub grants: Grants,
    /// What it may use.
    pub limits: EngineLimits,
    /// The governor's key, if not from the environment.
    pub key_file: Option<PathBuf>,
}

/// A component is on the chain.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Staged {
    event: &'static str,
    /// What it is.
    pub digest: Digest,
    /// The name it claims.
    pub name: String,
    /// The version it claims.
    pub version: String,
    /// Layout of its state.
    pub state_version: u32,
    /// Its size.
    pub bytes: usize,
    /// Gas that staging took.
    pub gas_used: u64,
    /// The block that brought it.
    pub block: u64,
    /// How far it is to native code on the node.
    pub compile: CompileState,
}

/// A component is ready to be armed.
#[derive(Debug, Serialize)]
pub struct Prepared {
    event: &'static str,
    /// What it is.
    pub digest: Digest,
    /// How it came to be ready.
    pub compile: CompileState,
}

/// Makes the node ready to run a staged component.
pub async fn prepare(admin: &Admin, digest: Digest) -> Result<Prepared, CtlError> {
    let ready = admin.prepare(digest).await?;
    Ok(Prepared { event: "prepared", digest, compile: ready.compile })
}

/// Checks, stages and prepares a file.
pub async fn stage(rpc: &Rpc, admin: &Admin, request: &StageRequest) -> Result<Staged, CtlError> {
    let component = component::read(&request.file)?;
    let checked = admin.check(component.bytes(), request.grants, &request.limits).await;
    let checked = checked.map_err(|error| match error {
        AdminClientError::Refused { code, message, .. } if code == "rejected" => {
            CtlError::Rejected { digest: component.digest(), why: message }
        }
        error => error.into(),
    })?;
    let mut sender = governor(rpc, request.key_file.as_ref()).await?;
    let tx = stage_tx(&mut sender, &component, request.grants, &request.limits)?;
    let mut watch = Watch::from_head(rpc).await?;
    rpc.send_with_sidecar(&tx.raw, &[component.bytes()]).await?;
    let receipts = watch.receipts(&[tx.hash], WITHIN).await?;
    let ready = admin.prepare(component.digest()).await?;
    Ok(Staged {
        event: "staged",
        digest: component.digest(),
        name: checked.name,
        version: checked.version,
        state_version: checked.state_version,
        bytes: component.bytes().len(),
        gas_used: receipts.iter().map(|receipt| receipt.gas_used).sum(),
        block: receipts.iter().filter_map(|receipt| receipt.block_number).max().unwrap_or_default(),
        compile: ready.compile,
    })
}

/// The transaction that stages a component; the bytes travel beside it.
pub fn stage_tx(
    sender: &mut Sender,
    component: &Component,
    grants: Grants,
    limits: &EngineLimits,
) -> Result<SignedTx, CtlError> {
    let size = component.bytes().len();
    let call = abi::stageCall {
        digest: component.digest().0,
        // A component is at most 2 MiB.
        size: size as u32,
        grants: grants.bits(),
        limits: abi::Limits {
            memoryPages: limits.memory_pages,
            fuelPerCall: limits.fuel_per_call,
            valueBytes: limits.value_bytes,
            subcallDepth: limits.subcall_depth,
        },
    };
    let gas = STAGE_BASE_GAS + STAGE_GAS_PER_BYTE * size as u64 + RECORD_GAS;
    Ok(sender.sign(registry::ADDRESS, U256::ZERO, call.abi_encode().into(), gas)?)
}

impl Report for Staged {
    fn text(&self) -> String {
        let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
        table.row(["digest".into(), self.digest.to_string()]);
        table.row(["engine".into(), format!("{} {}, state version {}", self.name, self.version, self.state_version)]);
        table.row(["size".into(), output::bytes(self.bytes as u64)]);
        table.row(["gas".into(), output::count(self.gas_used)]);
        table.row(["here".into(), compile_text(&self.compile)]);
        format!("Staged in block {}\n{table}Next: caldera engine arm --digest {} --in BLOCKS", self.block, self.digest)
    }
}

impl Report for Prepared {
    fn text(&self) -> String {
        format!("{} is {}", self.digest, compile_text(&self.compile))
    }
}

/// How far a component is, in a few words.
pub(super) fn compile_text(state: &CompileState) -> String {
    match state {
        CompileState::Absent => "not compiled".to_owned(),
        CompileState::Compiling => "being compiled".to_owned(),
        CompileState::Ready { millis, from_cache: true, .. } => format!("ready, loaded in {millis} ms"),
        CompileState::Ready { millis, .. } => format!("ready, compiled in {millis} ms"),
        CompileState::Refused { why } => format!("refused: {why}"),
        CompileState::Failed { why } => format!("failed: {why}"),
    }
}
