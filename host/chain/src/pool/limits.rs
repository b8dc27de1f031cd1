//! What a pool may hold. Each limit is a key of `[pool]` in the configuration, and named so in the error of who meets it.

/// How a chain keeps its waiting transactions. None of it is consensus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// What it may hold.
    pub limits: PoolLimits,
    /// Whether a transaction is on the disk before its sender is answered. If not, it is only handed to the operating
    /// system by then: it survives `kill -9`, but not a power cut.
    pub durable: bool,
}

impl PoolOptions {
    /// What suits a node whose word counts.
    pub const fn recommended() -> Self {
        Self { limits: PoolLimits::recommended(), durable: true }
    }
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self::recommended()
    }
}

/// What a pool may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Transactions in all.
    pub transactions: usize,
    /// Memory that they take in all, in bytes: as they lie in memory with their indexes and components, not as they were
    /// sent.
    pub bytes: u64,
    /// Transactions of one sender.
    pub sender_transactions: usize,
    /// Nonces that may be missing before a transaction. Never so many that what waits behind a gap could keep the sender
    /// from filling it.
    pub nonce_gap: u64,
    /// How much more a replacement must offer, in percent.
    pub replacement_percent: u64,
}

impl PoolLimits {
    /// A million transactions in a GiB, whichever is reached first. A million transfers of as many senders take 786 MiB by
    /// `cargo xtask bench pool`, and are charged 839 MiB.
    pub const fn recommended() -> Self {
        Self {
            transactions: 1_000_000,
            bytes: 1 << 30,
            sender_transactions: 4_096,
            nonce_gap: 1_024,
            replacement_percent: 10,
        }
    }

    /// The gap that counts: what waits behind it always leaves room for what fills it.
    pub(crate) fn gap(&self) -> u64 {
        self.nonce_gap.min((self.sender_transactions as u64).saturating_sub(1))
    }
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self::recommended()
    }
}
