//! `caldera engine shadow`: a candidate beside the active engine, on the node, and what came of it.

use std::path::PathBuf;

use alloy_primitives::{Address, Bytes};
use caldera_api::admin::view::{ShadowReport, ShadowRequest};
use caldera_types::{Digest, Grants};
use serde::Serialize;

use super::{Admin, CtlError, which_mount};
use crate::{
    component,
    output::{self, Align, Report, Table},
    rpc::Rpc,
};

/// What runs in the shadow.
#[derive(Clone, Debug)]
pub enum ShadowCandidate {
    /// A staged component.
    Staged(Digest),
    /// A file that need not be staged.
    File(PathBuf),
}

/// What to start.
#[derive(Clone, Debug)]
pub struct ShadowStart {
    /// Where; the only mount if there is one.
    pub mount: Option<Address>,
    /// What.
    pub candidate: ShadowCandidate,
    /// What it may import, if not as it was staged or as the active engine.
    pub grants: Option<Grants>,
    /// The configuration it is given, if not the mount's.
    pub config: Option<Bytes>,
    /// Most time that it may take, in percent of the block interval.
    pub share_percent: u8,
    /// Of how many calls one is compared.
    pub every: u32,
    /// Samples kept of each kind of divergence.
    pub samples: u32,
}

/// What a shadow run has found.
#[derive(Debug, Serialize)]
pub struct Shadowed {
    event: &'static str,
    /// All of it.
    #[serde(flatten)]
    pub report: ShadowReport,
}

/// Starts.
pub async fn shadow_start(rpc: &Rpc, admin: &Admin, start: &ShadowStart) -> Result<Shadowed, CtlError> {
    let mount = which_mount(rpc, start.mount).await?;
    let (digest, component) = match &start.candidate {
        ShadowCandidate::Staged(digest) => (Some(*digest), None),
        ShadowCandidate::File(path) => (None, Some(component::read(path)?.bytes().clone())),
    };
    let request = ShadowRequest {
        digest,
        component,
        grants: start.grants,
        config: start.config.clone(),
        share_percent: start.share_percent,
        every: start.every,
        samples: start.samples,
    };
    Ok(Shadowed { event: "shadow-started", report: admin.shadow(mount, &request).await? })
}

/// Stops.
pub async fn shadow_stop(rpc: &Rpc, admin: &Admin, mount: Option<Address>) -> Result<Shadowed, CtlError> {
    let mount = which_mount(rpc, mount).await?;
    Ok(Shadowed { event: "shadow-stopped", report: admin.end_shadow(mount).await? })
}

/// Reports.
pub async fn shadow_report(rpc: &Rpc, admin: &Admin, mount: Option<Address>) -> Result<Shadowed, CtlError> {
    let mount = which_mount(rpc, mount).await?;
    Ok(Shadowed { event: "shadow-report", report: admin.shadow_report(mount).await? })
}

impl Report for Shadowed {
    fn text(&self) -> String {
        let report = &self.report;
        let mut counts = Table::new([("", Align::Left), ("calls", Align::Right)]);
        counts.row(["compared".into(), output::count(report.compared)]);
        for (reason, count) in report.skipped.iter().filter(|(_, count)| **count > 0) {
            counts.row([format!("skipped: {reason}"), output::count(count)]);
        }
        for (kind, count) in report.divergences.iter().filter(|(_, count)| **count > 0) {
            counts.row([format!("differ in {kind}"), output::count(count)]);
        }
        let mut text = format!("{} in the shadow of {}: {}\n{counts}", report.candidate, report.mount, report.state);
        if report.divergences.values().all(|count| *count == 0) {
            text += "No divergence\n";
        }
        text + &samples(report)
    }
}

/// The first sample of each kind.
fn samples(report: &ShadowReport) -> String {
    let all = report.detail.pointer("/report/samples").and_then(|samples| samples.as_array());
    let mut table = Table::new([
        ("kind", Align::Left),
        ("block", Align::Right),
        ("transaction", Align::Left),
        ("first difference", Align::Left),
    ]);
    let mut kinds = Vec::new();
    for sample in all.into_iter().flatten() {
        let field = |name: &str| sample[name].as_str().unwrap_or_default().to_owned();
        let kind = field("kind");
        if !kinds.contains(&kind) {
            let hash = field("transaction");
            table.row([kind.clone(), sample["block"].to_string(), hash, field("detail")]);
            kinds.push(kind);
        }
    }
    if table.is_empty() { String::new() } else { format!("First of each kind\n{table}") }
}
