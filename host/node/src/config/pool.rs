//! `[pool]` of the configuration: how each chain keeps the transactions that wait for a block.

use std::num::{NonZeroU64, NonZeroUsize};

use caldera_chain::{PoolLimits, PoolOptions};
use serde::Deserialize;

/// Limits of each chain's pool, and what its word is worth. They are this node's own: the pool decides nothing of consensus and
/// is told to nobody.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PoolConfig {
    /// Transactions in all. When there are more, those behind a gap of nonces go first, then those that pay least.
    pub transactions: NonZeroUsize,
    /// Memory that they take in all with their indexes and components, in MiB; the same goes first.
    pub memory_mib: NonZeroU64,
    /// Transactions of one sender.
    pub sender_transactions: NonZeroUsize,
    /// Nonces that may be missing before a transaction.
    pub nonce_gap: u64,
    /// How much more a replacement must offer, in percent.
    pub replacement_percent: u64,
    /// Whether a transaction is on the disk before its sender is answered, so that it survives a power cut. If not, it
    /// survives only the end of the process, `kill -9` included.
    pub durable: bool,
}

impl Default for PoolConfig {
    fn default() -> Self {
        let PoolOptions { limits, durable } = PoolOptions::recommended();
        Self {
            transactions: NonZeroUsize::new(limits.transactions).unwrap_or(NonZeroUsize::MIN),
            memory_mib: NonZeroU64::new(limits.bytes >> 20).unwrap_or(NonZeroU64::MIN),
            sender_transactions: NonZeroUsize::new(limits.sender_transactions).unwrap_or(NonZeroUsize::MIN),
            nonce_gap: limits.nonce_gap,
            replacement_percent: limits.replacement_percent,
            durable,
        }
    }
}

impl PoolConfig {
    /// What a chain's pool is made with.
    pub fn options(&self) -> PoolOptions {
        let limits = PoolLimits {
            transactions: self.transactions.get(),
            bytes: self.memory_mib.get().saturating_mul(1 << 20),
            sender_transactions: self.sender_transactions.get(),
            nonce_gap: self.nonce_gap,
            replacement_percent: self.replacement_percent,
        };
        PoolOptions { limits, durable: self.durable }
    }
}
