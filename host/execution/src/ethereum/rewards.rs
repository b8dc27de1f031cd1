//! What a block pays beside the fees: to miners before the merge, withdrawals after it.

use alloy_consensus::Header;
use alloy_primitives::{Address, U256};
use caldera_types::{EthereumBody, Fork};

const ETHER: u128 = 1_000_000_000_000_000_000;
/// Wei of one gwei, in which withdrawals are counted.
const GWEI: u64 = 1_000_000_000;

/// Who gets how many wei, in order.
pub(super) fn of(header: &Header, body: &EthereumBody, fork: Fork) -> Vec<(Address, U256)> {
    if fork >= Fork::Merge {
        let withdrawals = body.withdrawals.iter().flat_map(|list| list.iter());
        return withdrawals.map(|paid| (paid.address, U256::from(paid.amount) * U256::from(GWEI))).collect();
    }
    let whole = U256::from(match fork {
        Fork::Frontier | Fork::Homestead | Fork::Tangerine | Fork::SpuriousDragon => 5 * ETHER,
        Fork::Byzantium => 3 * ETHER,
        _ => 2 * ETHER,
    });
    let mut paid = Vec::with_capacity(body.ommers.len() + 1);
    let mut miner = whole;
    for ommer in &body.ommers {
        // An uncle is one to six blocks lower: that was checked.
        let distance = header.number.saturating_sub(ommer.number).min(8);
        paid.push((ommer.beneficiary, whole * U256::from(8 - distance) / U256::from(8)));
        miner += whole / U256::from(32);
    }
    paid.push((header.beneficiary, miner));
    paid
}
