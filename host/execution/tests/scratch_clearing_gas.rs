//! Scratch: gas of the clearing components.
#![allow(clippy::all, missing_docs, clippy::unwrap_used)]
use alloy_consensus::TxEnvelope;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::{SolCall, SolValue, sol};
use caldera_execution::{BlockExecutor, Genesis, GenesisAccount, GenesisMount, Ground, NoComponents, execute_genesis};
use caldera_state::MemoryView;
use caldera_testkit::{account, component, engines, sign};
use caldera_types::{BlockEnv, EngineLimits, Grants};
use std::collections::BTreeMap;

sol! {
    struct Config { address governor; address operator; address priceAccount; address liquidator; address settlementAsset; uint8 settlementDecimals; address collateralAsset; uint8 collateralDecimals; uint16 haircutBps; uint16 maintenanceBps; uint64 cycleBlocks; uint64 marginCallBlocks; }
    struct Obligation { address debtor; address creditor; address asset; uint256 amount; uint64 due; bytes32 reference; }
    function ctor(string a, string b, uint8 c, address[] d, uint256[] e) external;
    function register() external;
    function postMargin(address asset, uint256 amount) external;
    function submit(Obligation obligation) external;
    function submitBatch(Obligation[] obligations) external;
    function closeCycle() external;
    function setPrice(uint256 price) external;
    function callMargin(address[] participants) external;
    function approve(address spender, uint256 value) external returns (bool);
    function currentCycle() external view returns (uint64 open, bool closing);
}

const ENGINE: Address = Address::repeat_byte(0xe1);
const N: u64 = 200;

fn bytecode() -> Vec<u8> {
    let text = include_str!("../../../examples/contracts/out/Token.json");
    let at = text.find("\"bytecode\"").unwrap();
    let rest = &text[at + 10..];
    let start = rest.find("0x").unwrap() + 2;
    let end = start + rest[start..].find('"').unwrap();
    (start..end).step_by(2).map(|i| u8::from_str_radix(&rest[i..i + 2], 16).unwrap()).collect()
}

fn run(name: &str) {
    let mut usd_nonce = account(0).address().create(0);
    let btc = account(0).address().create(1);
    let usd = std::mem::take(&mut usd_nonce);
    let a0 = account(0).address();
    let config = Config {
        governor: a0,
        operator: a0,
        priceAccount: a0,
        liquidator: a0,
        settlementAsset: usd,
        settlementDecimals: 6,
        collateralAsset: btc,
        collateralDecimals: 8,
        haircutBps: 2000,
        maintenanceBps: 1000,
        cycleBlocks: 0,
        marginCallBlocks: 2,
    };
    let rich = GenesisAccount { balance: U256::from(10).pow(U256::from(24)), ..Default::default() };
    let accounts: BTreeMap<_, _> = (0..=N as u8).map(|n| (account(n).address(), rich.clone())).collect();
    let genesis = Genesis {
        env: BlockEnv {
            chain_id: caldera_testkit::CHAIN_ID,
            number: 0,
            timestamp_s: 1_700_000_000,
            prev_randao: B256::ZERO,
            beneficiary: Address::repeat_byte(0xbe),
            gas_limit: 60_000_000,
            base_fee: 1_000_000_000,
        },
        governor: a0,
        accounts,
        mounts: vec![GenesisMount {
            address: ENGINE,
            component: component(name),
            grants: Grants::ALL,
            limits: EngineLimits::recommended(),
            config: config.abi_encode().into(),
        }],
    };
    let engines = engines();
    let mut view = MemoryView::default();
    let outcome = execute_genesis(&engines, &genesis).unwrap();
    view.apply(&outcome.diff);
    let mut env = genesis.env;
    let mut nonces: BTreeMap<u8, u64> = BTreeMap::new();
    let mut block = |txs: Vec<(u8, TxKind, u64, Vec<u8>)>, view: &mut MemoryView| -> Vec<(bool, bool, u64, usize)> {
        env.number += 1;
        env.timestamp_s += 1;
        let ground = Ground { view: &*view, engines: &engines, components: &NoComponents };
        let mut ex = BlockExecutor::begin(ground, env).unwrap();
        for (from, to, gas, input) in txs {
            let nonce = nonces.entry(from).or_default();
            let tx: TxEnvelope = sign(&account(from), *nonce, to, U256::ZERO, gas, Bytes::from(input));
            *nonce += 1;
            ex.apply(&tx, account(from).address()).unwrap();
        }
        let outcome = ex.finish().unwrap();
        let res = outcome
            .transactions
            .iter()
            .zip(&outcome.receipts)
            .map(|(tx, r)| (caldera_types::is_system_transaction(tx), r.succeeded(), r.gas_used, r.logs().len()))
            .collect();
        view.apply(&outcome.diff);
        res
    };
    let holders: Vec<Address> = (0..=N as u8).map(|n| account(n).address()).collect();
    let amounts = vec![U256::from(1_000_000_000_000_000u64); holders.len()];
    let ctor = ctorCall { a: "T".into(), b: "T".into(), c: 6u8, d: holders.clone(), e: amounts.clone() }.abi_encode()
        [4..]
        .to_vec();
    let code = [bytecode(), ctor].concat();
    for _ in 0..2 {
        let r = block(vec![(0, TxKind::Create, 16_000_000, code.clone())], &mut view);
        assert!(r.iter().all(|x| x.1), "{r:?}");
    }
    let call = |to: Address| TxKind::Call(to);
    let mut reg = 0;
    let mut post = 0;
    let all: Vec<u8> = (1..=N as u8).collect();
    for chunk in all.chunks(50) {
        let r = block(
            chunk
                .iter()
                .map(|n| (*n, call(usd), 200_000, approveCall { spender: ENGINE, value: U256::MAX }.abi_encode()))
                .collect(),
            &mut view,
        );
        assert!(r.iter().all(|x| x.1));
        let r = block(
            chunk
                .iter()
                .map(|n| (*n, call(btc), 200_000, approveCall { spender: ENGINE, value: U256::MAX }.abi_encode()))
                .collect(),
            &mut view,
        );
        assert!(r.iter().all(|x| x.1));
        let r =
            block(chunk.iter().map(|n| (*n, call(ENGINE), 500_000, registerCall {}.abi_encode())).collect(), &mut view);
        assert!(r.iter().all(|x| x.1), "{r:?}");
        reg = r.iter().filter(|x| !x.0).last().unwrap().2;
        let r = block(
            chunk
                .iter()
                .map(|n| {
                    (
                        *n,
                        call(ENGINE),
                        900_000,
                        postMarginCall { asset: btc, amount: U256::from(100_000_000u64) }.abi_encode(),
                    )
                })
                .collect(),
            &mut view,
        );
        assert!(r.iter().all(|x| x.1), "{r:?}");
        post = r.iter().filter(|x| !x.0).last().unwrap().2;
    }
    println!("{name}: register {reg}, postMargin {post}");
    let idle = block(vec![], &mut view);
    println!("{name}: idle block {idle:?}");
    let r = block(
        vec![(0, call(ENGINE), 900_000, setPriceCall { price: U256::from(8_000_00000000u64) }.abi_encode())],
        &mut view,
    );
    println!("{name}: setPrice {:?}", r);
    // defaulters: members 1..=10 revoke
    block(
        (1..=10)
            .map(|n| (n, call(usd), 200_000, approveCall { spender: ENGINE, value: U256::ZERO }.abi_encode()))
            .collect(),
        &mut view,
    );
    let mut seed = 12345u64;
    let mut rnd = |m: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % m
    };
    let obligations: Vec<Obligation> = (0..10_000u64)
        .map(|i| {
            let d = rnd(N);
            let c = (d + 1 + rnd(N - 1)) % N;
            Obligation {
                debtor: account(d as u8 + 1).address(),
                creditor: account(c as u8 + 1).address(),
                asset: usd,
                amount: U256::from(1_000_000 + rnd(1_000_000_000_000)),
                due: 1_900_000_000,
                reference: alloy_primitives::keccak256(i.to_be_bytes()),
            }
        })
        .collect();
    let mut gases = vec![];
    for (i, batch) in obligations.chunks(150).enumerate() {
        let r = block(
            vec![(0, call(ENGINE), 16_000_000, submitBatchCall { obligations: batch.to_vec() }.abi_encode())],
            &mut view,
        );
        let u = r.iter().find(|x| !x.0).unwrap();
        assert!(u.1, "{i} {r:?}");
        gases.push(u.2 / batch.len() as u64);
    }
    println!(
        "{name}: per obligation in batches of 150: first {}, then {:?}, mean {}",
        gases[0],
        &gases[30..36],
        gases.iter().sum::<u64>() / gases.len() as u64
    );
    let one = Obligation { reference: B256::repeat_byte(9), ..obligations[0].clone() };
    let r = block(vec![(0, call(ENGINE), 16_000_000, submitCall { obligation: one }.abi_encode())], &mut view);
    println!("{name}: single submit {:?}", r);
    let r = block(
        vec![(0, call(ENGINE), 16_000_000, callMarginCall { participants: holders[1..].to_vec() }.abi_encode())],
        &mut view,
    );
    println!("{name}: callMargin of 200 {:?}", r);
    let r = block(vec![(0, call(ENGINE), 16_000_000, closeCycleCall {}.abi_encode())], &mut view);
    println!("{name}: closeCycle {:?}", r);
    let mut total = 0;
    let mut n = 0;
    let mut steps = vec![];
    loop {
        let started = std::time::Instant::now();
        let r = block(vec![], &mut view);
        let g: u64 = r.iter().map(|x| x.2).sum();
        steps.push((g, r.iter().map(|x| x.3).sum::<usize>(), r.iter().all(|x| x.1), started.elapsed().as_micros()));
        n += 1;
        total += g;
        if n > 3 && g < 20_000 || n > 120 {
            break;
        }
    }
    println!("{name}: close steps {n}, total gas {total}: {steps:?}");
}

#[test]
#[ignore]
fn v1() {
    run("clearing-v1");
}
#[test]
#[ignore]
fn v2() {
    run("clearing-v2");
}
