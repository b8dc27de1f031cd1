//! `caldera weave prove`: a unit with the proof of it, in a file that `caldera weave accept` takes to another chain.

use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256, U64};
use jsonrpsee_core::rpc_params;
use serde::Serialize;
use serde_json::{Value, json};
use weave_rules::unit::Kind;

use super::{
    WeaveCtlError, kind_name,
    proof::{Answer, Right, UnitProof},
};
use crate::{
    output::{self, Report},
    rpc::Rpc,
};

/// Which unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitName {
    /// By its id.
    Id(B256),
    /// By what it is made of; rights have the serial 0.
    Of(Kind, Address, B256, u64),
}

/// What to prove.
#[derive(Clone, Debug)]
pub struct ProveRequest {
    /// Which unit.
    pub unit: UnitName,
    /// After which block: height, tag or hash.
    pub block: String,
    /// Where the weave engine is.
    pub engine: Option<Address>,
    /// The file to write; none gives the proof itself.
    pub out: Option<PathBuf>,
}

/// A proof, in a file or here.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Proven {
    /// It was written.
    #[serde(rename_all = "camelCase")]
    Written {
        /// `proven`.
        event: &'static str,
        /// The unit's id.
        id: B256,
        /// What it is; none: it is proven that there is none.
        kind: Option<String>,
        /// After this block.
        height: u64,
        /// Whether the block's certificate is with it.
        certified: bool,
        /// The file.
        file: PathBuf,
        /// Its length.
        bytes: usize,
    },
    /// The proof itself.
    Here(Value),
}

/// Asks the chain for the proof.
pub async fn prove(rpc: &Rpc, request: &ProveRequest) -> Result<Proven, WeaveCtlError> {
    let (name, right) = match request.unit {
        UnitName::Id(id) => (json!(id), None),
        UnitName::Of(kind, owner, key, serial) => {
            let (kind, is_right) = (U64::from(kind.code()), kind != Kind::Asset);
            let name = json!({ "kind": kind, "owner": owner, "key": key, "serial": U64::from(serial) });
            (name, is_right.then_some(Right { kind, owner, key }))
        }
    };
    let block = match request.block.parse::<u64>() {
        Ok(number) => json!(U64::from(number)),
        Err(_) => json!(request.block),
    };
    let engine = super::engine(rpc, request.engine).await?;
    let answer: Answer = rpc.request("caldera_getStateUnitProof", rpc_params![name, block, engine]).await?;
    let right = right.or_else(|| answer.unit.as_ref().map(|u| Right { kind: u.kind, owner: u.owner, key: u.key }));
    let proof = UnitProof { origin: U64::from(rpc.chain_id().await?), right, answer };
    let malformed =
        |path: &Path, why: serde_json::Error| WeaveCtlError::Malformed { path: path.to_owned(), why: why.to_string() };
    let Some(file) = &request.out else {
        return serde_json::to_value(proof).map(Proven::Here).map_err(|why| malformed(Path::new("-"), why));
    };
    let mut text = serde_json::to_string_pretty(&proof).map_err(|why| malformed(file, why))?;
    text.push('\n');
    std::fs::write(file, &text).map_err(|source| WeaveCtlError::File { path: file.clone(), source })?;
    Ok(Proven::Written {
        event: "proven",
        id: proof.answer.id,
        kind: proof.answer.unit.as_ref().map(|unit| kind_name(unit.kind.saturating_to())),
        height: proof.answer.proof.height.to(),
        certified: proof.answer.certificate.is_some(),
        file: file.clone(),
        bytes: text.len(),
    })
}

impl Report for Proven {
    fn text(&self) -> String {
        let Self::Written { id, kind, height, certified, file, bytes, .. } = self else {
            let Self::Here(proof) = self else { return String::new() };
            return format!("{proof:#}");
        };
        let what = match kind {
            Some(kind) => format!("{kind} {id} is there"),
            None => format!("unit {id} is not there"),
        };
        let certificate = match certified {
            true => "with it".to_owned(),
            false => "none: the destination must know the block's root already".to_owned(),
        };
        format!(
            "Proven after block {height}: {what}\n  file         {} ({})\n  certificate  {certificate}\nNext: caldera weave accept {} --chain \
             DESTINATION",
            file.display(),
            output::bytes(*bytes as u64),
            file.display()
        )
    }
}
