//! The bytes of the journal: a file header, then records as in the block log.
//!
//! ```text
//! file:    "CALDPOOL"  version u32                    12 bytes
//! record:  length u32  crc32 u32  crc32 u32  payload  (`caldera_state::FrameHead`)
//! payload: RLP [transaction as EIP-2718 has it, [component, …]]
//! ```
//! After the last record there may be zeros, which are room for more: no record begins with twelve of them.

use alloy_consensus::TxEnvelope;
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::Bytes;
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use caldera_state::FrameHead;
use caldera_types::Component;

use super::JournalError;
use crate::pool::transaction::PooledTx;

/// First bytes of a file, with the format's version.
pub(super) const FILE_HEADER: [u8; 12] = *b"CALDPOOL\0\0\0\x01";

/// One transaction. Who sent it is not kept: a file is not what a signature is.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Record {
    tx: Bytes,
    sidecar: Vec<Bytes>,
}

impl Record {
    pub(crate) fn of(pooled: &PooledTx) -> Self {
        let sidecar = pooled.sidecar.iter().map(|component| component.bytes().clone());
        Self { tx: pooled.tx.encoded_2718().into(), sidecar: sidecar.collect() }
    }

    /// Its bytes in the file.
    pub(crate) fn frame(&self) -> Result<Vec<u8>, JournalError> {
        let mut payload = Vec::with_capacity(self.length());
        self.encode(&mut payload);
        let head = FrameHead::of(&payload).ok_or(JournalError::TooLong { bytes: payload.len() })?;
        Ok([head.encode().as_slice(), &payload].concat())
    }

    /// Reads a payload; none if it is not one.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        Self::decode(&mut &*payload).ok()
    }

    /// What it holds; none if that is no transaction.
    pub(crate) fn transaction(self) -> Option<(TxEnvelope, Vec<Component>)> {
        let tx = TxEnvelope::decode_2718_exact(&self.tx).ok()?;
        let sidecar = self.sidecar.into_iter().map(Component::new).collect::<Result<_, _>>().ok()?;
        Some((tx, sidecar))
    }
}
