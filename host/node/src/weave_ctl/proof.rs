//! A unit proof in a file: the answer of `caldera_getStateUnitProof`, with the chain that it is of and the right that it is about.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use serde::{Deserialize, Serialize};
use weave_rules::{StateUnit, abi::Weave as abi};

use super::WeaveCtlError;

/// Most bytes of a file: a proof takes some ten thousand.
const MOST_BYTES: u64 = 4 << 20;

/// What another chain's weave engine needs, and what people want to see of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UnitProof {
    /// Chain id of the origin.
    pub(super) origin: U64,
    /// Which right, if that was asked for: without the unit nothing else says it.
    pub(super) right: Option<Right>,
    #[serde(flatten)]
    pub(super) answer: Answer,
}

/// Kind, owner and key.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) struct Right {
    pub(super) kind: U64,
    pub(super) owner: Address,
    pub(super) key: B256,
}

/// The node's answer. What this program does not use is kept as it came.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    pub(super) id: B256,
    pub(super) unit: Option<Shown>,
    pub(super) proof: ShownProof,
    pub(super) certificate: Option<Bytes>,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

/// A unit as JSON-RPC shows it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    pub(super) version: U64,
    pub(super) kind: U64,
    pub(super) origin: U64,
    pub(super) issuer: Address,
    pub(super) owner: Address,
    pub(super) key: B256,
    pub(super) serial: U64,
    pub(super) destination: U64,
    pub(super) value: U256,
    pub(super) issued: U64,
    pub(super) nonce: U64,
    pub(super) expiry: U64,
}

/// Where it is proven, and by which nodes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownProof {
    pub(super) height: U64,
    account_proof: Bytes,
    storage_proof: Bytes,
}

impl Shown {
    /// The same for the engine; numbers that no unit can have are not a unit.
    pub(super) fn unit(&self) -> Result<StateUnit, String> {
        let byte = |what: &str, number: U64| {
            u8::try_from(number.to::<u64>())
                .map_err(|_| format!("{what} of a unit is {number}, which is more than a byte"))
        };
        Ok(StateUnit {
            version: byte("version", self.version)?,
            kind: byte("kind", self.kind)?,
            origin: self.origin.to(),
            issuer: self.issuer,
            owner: self.owner,
            key: self.key,
            serial: self.serial.to(),
            destination: self.destination.to(),
            value: self.value,
            issued: self.issued.to(),
            nonce: self.nonce.to(),
            expiry: self.expiry.to(),
        })
    }
}

impl Right {
    /// The kind's number.
    pub(super) fn kind(&self) -> Result<u8, String> {
        u8::try_from(self.kind.to::<u64>()).map_err(|_| format!("kind {} is none", self.kind))
    }
}

impl ShownProof {
    /// The same for the engine.
    pub(super) fn proof(&self) -> abi::Proof {
        let (account, storage) = (self.account_proof.clone(), self.storage_proof.clone());
        abi::Proof { height: self.height.to(), accountProof: account, storageProof: storage }
    }
}

impl UnitProof {
    /// Reads a file; `-` is standard input.
    pub(super) fn read(path: &Path) -> Result<Self, WeaveCtlError> {
        let failed = |source| WeaveCtlError::File { path: path.to_owned(), source };
        let reader: Box<dyn io::Read> = match path.as_os_str() == "-" {
            true => Box::new(io::stdin()),
            false => Box::new(fs::File::open(path).map_err(failed)?),
        };
        let mut text = String::new();
        reader.take(MOST_BYTES).read_to_string(&mut text).map_err(failed)?;
        let malformed =
            |error: serde_json::Error| WeaveCtlError::Malformed { path: path.to_owned(), why: error.to_string() };
        serde_json::from_str(&text).map_err(malformed)
    }
}
