//! Taking back what waits for a block.

use alloy_primitives::{Address, B256};

use super::DevError;
use crate::{chain::Chain, error::ChainError};

impl Chain {
    /// Drops a transaction that waits; false if none of that hash does.
    pub fn drop_transaction(&self, hash: B256) -> Result<bool, DevError> {
        self.must_be_development()?;
        let dropped = {
            let mut pool = self.pool.lock();
            let tx = pool.get(hash).cloned();
            tx.iter().for_each(|tx| pool.remove(tx));
            tx.is_some()
        };
        self.forget_dropped(dropped)
    }

    /// Drops all that wait, or those of one sender.
    pub fn drop_transactions(&self, sender: Option<Address>) -> Result<(), DevError> {
        self.must_be_development()?;
        let dropped = {
            let mut pool = self.pool.lock();
            let content = pool.content(sender);
            let all = content.pending.iter().chain(&content.queued);
            all.map(|tx| pool.remove(tx)).count() > 0
        };
        self.forget_dropped(dropped).map(drop)
    }

    /// Otherwise the next start would take it in again.
    fn forget_dropped(&self, dropped: bool) -> Result<bool, DevError> {
        if dropped {
            self.journal.forget().map_err(ChainError::from)?;
        }
        Ok(dropped)
    }
}
