//! A chain with a base-fee rule of its own: every header says it, every node of the chain follows it.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{path::Path, sync::Arc, time::Duration};

use alloy_primitives::{Address, Bytes, TxKind, U256};
use caldera_chain::{Chain, ChainError, ChainSpec, PoolOptions, replay};
use caldera_state::StateOptions;
use caldera_testkit::{account, engines, genesis, sign};
use caldera_types::FeeRule;

const TIME: Duration = Duration::from_secs(5);
/// Room for a thousand transfers.
const GAS_LIMIT: u64 = 21_000_000;

fn spec(elasticity: u32, denominator: u32) -> ChainSpec {
    let mut genesis = genesis(&[]);
    genesis.env.gas_limit = GAS_LIMIT;
    genesis.env.fees = FeeRule::new(elasticity, denominator).unwrap();
    ChainSpec {
        name: "test".into(),
        genesis,
        block_interval: Duration::from_millis(20),
        pool: PoolOptions::recommended(),
    }
}

fn open(dir: &Path, spec: ChainSpec) -> Result<Arc<Chain>, ChainError> {
    Chain::open(spec, dir, StateOptions::recommended(), engines(), &mut |_| {})
}

/// Full blocks, the base fee of each, and of the one after them.
fn full_blocks(chain: &Chain, blocks: u64) -> Vec<u64> {
    let mut fees = Vec::new();
    for block in 0..blocks {
        for nonce in block * 1_000..(block + 1) * 1_000 {
            let to = TxKind::Call(Address::repeat_byte(0x77));
            chain.submit(sign(&account(1), nonce, to, U256::ONE, 21_000, Bytes::new()), Vec::new()).unwrap();
        }
        let made = chain.produce_block(0, TIME).unwrap();
        assert_eq!(made.block.header.gas_used, GAS_LIMIT);
        fees.push(made.block.header.base_fee_per_gas.unwrap());
    }
    let next = chain.produce_block(0, TIME).unwrap();
    fees.push(next.block.header.base_fee_per_gas.unwrap());
    fees
}

fn check(elasticity: u32, denominator: u32, want: [u64; 4]) {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let rule = || spec(elasticity, denominator);
    let chain = open(first.path(), rule()).unwrap();
    assert_eq!(full_blocks(&chain, 3), want, "{elasticity}, {denominator}");
    let head = chain.head();
    assert_eq!(head.block.header.extra_data, rule().genesis.env.fees.extra_data());
    drop(chain);
    let copy =
        replay(rule(), first.path(), second.path(), StateOptions::recommended(), engines(), &mut |_| {}).unwrap();
    assert_eq!(*copy.head(), *head);
    // The rule is part of the chain's identity.
    let other = open(first.path(), spec(elasticity + 1, denominator));
    assert!(matches!(other.err(), Some(ChainError::OtherGenesis { .. })));
}

/// The block after the genesis is cheaper than it by a part, since the genesis is empty; full ones then move it up.
#[test]
fn full_blocks_move_the_base_fee_by_the_chains_rule() {
    check(2, 8, [875_000_000, 984_375_000, 1_107_421_875, 1_245_849_609]);
    check(2, 100, [990_000_000, 999_900_000, 1_009_899_000, 1_019_997_990]);
    check(1, 8, [875_000_000; 4]);
    check(6, 250, [996_000_000, 1_015_920_000, 1_036_238_400, 1_056_963_168]);
}
