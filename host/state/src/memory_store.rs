//! A store in memory: for tests and chains that need not survive. It keeps the port's promises except durability.

use alloy_primitives::Bytes;
use parking_lot::RwLock;
use std::collections::BTreeMap;

use crate::store::{Batch, Entries, Store, StoreError};

/// Keys and values in a map.
#[derive(Debug, Default)]
pub struct MemoryStore {
    entries: RwLock<BTreeMap<Vec<u8>, Bytes>>,
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.entries.read().get(key).cloned())
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        batch.check()?;
        let mut entries = self.entries.write();
        for (key, value) in batch.writes() {
            match value {
                Some(value) => entries.insert(key.to_vec(), value.clone()),
                None => entries.remove(&key[..]),
            };
        }
        Ok(())
    }

    fn scan<'a>(&'a self, prefix: &[u8]) -> Entries<'a> {
        let entries = self.entries.read();
        let found: Vec<_> = entries
            .range(prefix.to_vec()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| Ok((key.clone(), value.clone())))
            .collect();
        Box::new(found.into_iter())
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
