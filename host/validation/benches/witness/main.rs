//! Witnesses of blocks of transfers, ERC-20 transfers and engine calls: how large they are, and what executing a block from one
//! takes against executing it on the chain's own state. The state has 100,000 accounts and as many holders of the token.

#![allow(clippy::unwrap_used, reason = "a bench that cannot be set up has failed")]

#[path = "../../tests/support/mod.rs"]
mod support;
mod token;

use std::time::Instant;

use alloy_consensus::TxEnvelope;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use caldera_bench::{ByCargo, Report, Samples};
use caldera_execution::{GenesisAccount, Ground, child_env, execute};
use caldera_state::Witness;
use caldera_testkit::{PROBE, account, genesis};
use clap::Parser;
use probe_engine::IProbe;
use support::{Logged, Made, World};

/// Accounts that transfers go to, and holders of the token.
const ACCOUNTS: u64 = 100_000;
/// Transactions in a block.
const BLOCKS: [usize; 3] = [100, 1_000, 5_000];
/// Gas of a block of 5,000 of any kind.
const BLOCK_GAS: u64 = 2_000_000_000;

/// How large witnesses are, and what executing a block from one takes.
#[derive(Parser)]
struct Args {
    /// Only that it runs.
    #[arg(long)]
    smoke: bool,
    #[command(flatten)]
    _cargo: ByCargo,
}

fn main() -> std::io::Result<()> {
    let Args { smoke, _cargo } = Args::parse();
    let (accounts, samples) = if smoke { (1_000, 2) } else { (ACCOUNTS, 10) };
    let sizes = if smoke { &BLOCKS[..1] } else { &BLOCKS[..] };
    let mut report = Report::new("witness");
    let mut world = world(accounts);
    let mut dice = 1u64;
    for (kind, call) in [("transfers", transfer as Call), ("ERC-20 transfers", erc20), ("engine calls", engine)] {
        for size in sizes {
            let txs: Vec<_> = (0..*size).map(|n| call(&mut world, n, next(&mut dice) % accounts)).collect();
            let parent = world.head.clone();
            let made = world.block(&txs, &[]);
            assert!(made.receipts.iter().all(caldera_types::TxReceipt::succeeded), "{kind} of {size}");
            rows(&mut report, &format!("{size} {kind}"), &world, &parent, &made, samples);
        }
    }
    report.finish()
}

fn rows(
    report: &mut Report,
    name: &str,
    world: &World,
    parent: &caldera_types::SealedBlock,
    made: &Made,
    samples: usize,
) {
    let (number, root) = (parent.header.number, parent.header.state_root);
    let rules = world.rules;
    let at = made.block.header.timestamp;
    let env = child_env(rules.chain_id, &parent.header, parent.hash(), at, rules.beneficiary, rules.gas_limit);
    let normal = || {
        let view = world.state.at_block(number, root).unwrap();
        let ground = Ground { view: &view, engines: &world.engines, components: &Logged(&world.state) };
        let outcome = execute(ground, env, &made.block).unwrap();
        assert_eq!(world.state.root_after(number, root, &outcome.diff).unwrap().root, made.block.header.state_root);
    };
    let bytes = made.witness.encode();
    // As a verifier gets it: bytes in, roots out.
    let stateless = || {
        world.verify(&made.block, &Witness::decode(&bytes).unwrap()).unwrap();
    };
    let of = |mut work: Box<dyn FnMut() + '_>| {
        work();
        let times = (0..samples).map(|_| {
            let began = Instant::now();
            work();
            began.elapsed().as_nanos() as f64
        });
        Samples::new(times.collect()).unwrap()
    };
    let (normal, stateless) = (of(Box::new(normal)), of(Box::new(stateless)));
    report.row_against(&format!("{name}: from the witness"), stateless, "own state", normal);
    let size = |bytes: usize| Samples::new(vec![bytes as f64]).unwrap();
    report.rate(&format!("{name}: witness"), "bytes", size(bytes.len()));
    report.rate(&format!("{name}: witness, zstd"), "bytes", size(zstd::bulk::compress(&bytes, 3).unwrap().len()));
    report.rate(&format!("{name}: block"), "bytes", size(alloy_rlp::encode(&*made.block).len()));
    report.rate(&format!("{name}: trie nodes"), "nodes", size(made.witness.nodes.len()));
}

type Call = fn(&mut World, usize, u64) -> TxEnvelope;

fn someone(n: u64) -> Address {
    let mut address = [0x51; 20];
    address[12..].copy_from_slice(&n.to_be_bytes());
    address.into()
}

fn transfer(world: &mut World, n: usize, to: u64) -> TxEnvelope {
    world.send((n % 10) as u8, TxKind::Call(someone(to)), 1, 21_000, Bytes::new())
}

fn erc20(world: &mut World, n: usize, to: u64) -> TxEnvelope {
    world.send((n % 10) as u8, TxKind::Call(token::ADDRESS), 0, 100_000, token::transfer(someone(to), 1))
}

fn engine(world: &mut World, n: usize, key: u64) -> TxEnvelope {
    let call = IProbe::setCall { key: key.to_be_bytes().to_vec().into(), value: vec![1; 31].into() };
    world.send((n % 10) as u8, TxKind::Call(PROBE), 0, 300_000, call.abi_encode())
}

/// A state of so many accounts; entries of the engine come with its calls.
fn world(accounts: u64) -> World {
    let mut genesis = genesis(&["probe-v1"]);
    genesis.env.gas_limit = BLOCK_GAS;
    let rich = |n| (someone(n), GenesisAccount { balance: U256::from(1_000_000), ..Default::default() });
    genesis.accounts.extend((0..accounts).map(rich));
    let senders = (0..10).map(|n| account(n).address());
    let holders: Vec<_> = (0..accounts).map(someone).chain(senders).collect();
    genesis.accounts.insert(token::ADDRESS, token::account(&holders));
    World::of(genesis)
}

/// SplitMix64.
fn next(dice: &mut u64) -> u64 {
    *dice = dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *dice;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
