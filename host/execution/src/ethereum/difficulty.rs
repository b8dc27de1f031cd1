//! How hard a block must have been, before the merge: EIP-2, EIP-100 and the delays of the bomb.

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_primitives::U256;
use caldera_types::Fork;

use super::schedule::Schedule;

/// The least that any block has.
const MINIMUM: u64 = 131_072;
/// Blocks for which the bomb stays the same.
const BOMB_PERIOD: u64 = 100_000;

/// The difficulty of the block after `parent`.
pub(super) fn after(schedule: &Schedule, parent: &Header, fork: Fork, timestamp: u64) -> U256 {
    let step = parent.difficulty / U256::from(2_048u64);
    let passed = timestamp.saturating_sub(parent.timestamp);
    let number = parent.number + 1;
    let moved = match fork {
        Fork::Frontier if passed < 13 => parent.difficulty.saturating_add(step),
        Fork::Frontier => parent.difficulty.saturating_sub(step),
        Fork::Homestead | Fork::Tangerine | Fork::SpuriousDragon => moved(parent.difficulty, step, 1, passed / 10),
        _ => {
            let most = if parent.ommers_hash == EMPTY_OMMER_ROOT_HASH { 1 } else { 2 };
            moved(parent.difficulty, step, most, passed / 9)
        }
    };
    let delay = schedule.bombs.iter().rev().find(|(from, _)| *from <= number).map_or(0, |(_, delay)| *delay);
    let period = number.saturating_sub(delay) / BOMB_PERIOD;
    let bomb = if period > 1 { U256::ONE.checked_shl((period - 2) as usize).unwrap_or(U256::MAX) } else { U256::ZERO };
    moved.max(U256::from(MINIMUM)).saturating_add(bomb)
}

/// `difficulty + step * max(most - late, -99)`.
fn moved(difficulty: U256, step: U256, most: u64, late: u64) -> U256 {
    match most.checked_sub(late) {
        Some(up) => difficulty.saturating_add(step * U256::from(up)),
        None => difficulty.saturating_sub(step * U256::from((late - most).min(99))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difficulty_follows_the_time_that_passed() {
        // Ethereum's main chain: blocks 1 and 2, and 1,150,000 (the first of Homestead) after its parent.
        let schedule = Schedule::of(&Default::default()).unwrap();
        let parent = |number, difficulty: u64, timestamp| Header {
            number,
            difficulty: U256::from(difficulty),
            timestamp,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            ..Default::default()
        };
        for (parent, fork, timestamp, expected) in [
            (parent(0, 17_179_869_184, 0), Fork::Frontier, 1_438_269_988, 17_171_480_576u64),
            (parent(1, 17_171_480_576, 1_438_269_988), Fork::Frontier, 1_438_270_017, 17_163_096_064),
            (parent(0, 131_072, 0), Fork::Homestead, 1_000, 131_072),
            (parent(0, 2_048_000, 0), Fork::Homestead, 9, 2_049_000),
            (parent(0, 2_048_000, 0), Fork::Homestead, 10_000, 2_048_000 - 99_000),
            (parent(0, 2_048_000, 0), Fork::Byzantium, 9, 2_048_000),
            (parent(299_998, 2_048_000, 0), Fork::Homestead, 9, 2_049_000),
            (parent(299_999, 2_048_000, 0), Fork::Homestead, 9, 2_049_002),
        ] {
            let given = after(&schedule, &parent, fork, timestamp);
            let bomb = if parent.number == 299_998 { 1 } else { 0 };
            assert_eq!(given, U256::from(expected + bomb), "{} {fork:?}", parent.number);
        }
    }
}
