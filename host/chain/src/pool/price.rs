//! What a transaction offers per gas.

use alloy_consensus::{Transaction, TxEnvelope};

/// An offer, in wei per gas. What is above 2⁶⁴ counts as 2⁶⁴ − 1: it is over 18 ETH per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Price {
    /// The most it pays.
    pub(crate) fee: u64,
    /// The most of it that goes to who builds the block. Never over the fee.
    pub(crate) tip: u64,
}

impl Price {
    pub(crate) fn of(tx: &TxEnvelope) -> Self {
        let wei = |wei: u128| u64::try_from(wei).unwrap_or(u64::MAX);
        let fee = wei(tx.max_fee_per_gas());
        Self { fee, tip: tx.max_priority_fee_per_gas().map_or(fee, wei).min(fee) }
    }

    /// The highest base fee at which the whole tip is paid.
    pub(crate) fn slack(self) -> u64 {
        self.fee - self.tip
    }

    /// What is left for who builds the block; negative if it does not even pay the base fee.
    pub(crate) fn tip_at(self, base_fee: u64) -> i128 {
        i128::from(self.tip).min(i128::from(self.fee) - i128::from(base_fee))
    }

    /// Whether it offers so many percent more than another, in both.
    pub(crate) fn outbids(self, other: Self, percent: u64) -> bool {
        let enough = |new: u64, old: u64| {
            let (new, old) = (u128::from(new), u128::from(old));
            new >= old + (old * u128::from(percent)).div_ceil(100)
        };
        enough(self.fee, other.fee) && enough(self.tip, other.tip)
    }
}
