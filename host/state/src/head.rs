//! The head record: which block the store stands at, written in the same batch as everything of that block.

use alloy_primitives::B256;

use crate::{
    error::StateError,
    keys,
    store::{Batch, Store},
};

/// Version of the store's layout. A store of another version is rebuilt from the log.
pub(crate) const FORMAT: u8 = 6;
/// Version, height, hash, root, checksum.
const RECORD_BYTES: usize = 1 + 8 + 32 + 32 + 4;

/// Where a chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadRecord {
    /// Height.
    pub number: u64,
    /// Block hash.
    pub hash: B256,
    /// State root after that block.
    pub state_root: B256,
}

impl HeadRecord {
    pub(crate) fn put(&self, batch: &mut Batch) {
        let mut bytes = Vec::with_capacity(RECORD_BYTES);
        bytes.push(FORMAT);
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(self.hash.as_slice());
        bytes.extend_from_slice(self.state_root.as_slice());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        batch.put(keys::HEAD, bytes);
    }

    /// The record, or none in a new store. A wrong checksum or version is [`StateError::Damaged`].
    pub(crate) fn read(store: &dyn Store) -> Result<Option<Self>, StateError> {
        let Some(bytes) = store.get(keys::HEAD)? else { return Ok(None) };
        Self::decode(&bytes).map(Some).ok_or(StateError::Damaged { what: "head record" })
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (fields, checksum) = bytes.split_last_chunk::<4>()?;
        if u32::from_be_bytes(*checksum) != crc32fast::hash(fields) {
            return None;
        }
        let (format, fields) = fields.split_first()?;
        let (number, fields) = fields.split_first_chunk::<8>()?;
        let (hash, fields) = fields.split_first_chunk::<32>()?;
        let (root, rest) = fields.split_first_chunk::<32>()?;
        (*format == FORMAT && rest.is_empty()).then(|| Self {
            number: u64::from_be_bytes(*number),
            hash: B256::from(*hash),
            state_root: B256::from(*root),
        })
    }
}
