//! Whole transactions on a state in memory, by the same code that builds blocks.

use std::time::Instant;

use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use caldera_bench::Samples;
use caldera_engine::Engines;
use caldera_execution::{BlockExecutor, GenesisAccount, Ground, NoComponents, execute_genesis};
use caldera_state::MemoryView;
use caldera_testkit::{PROBE, account, engines, genesis, sign};
use caldera_types::BlockEnv;

const CONTRACT: Address = Address::repeat_byte(0xc0);
const GAS: u64 = 16_000_000;
/// Transactions that are signed once and run in each block: what is timed is one of them.
const PER_BLOCK: usize = 20;

/// A chain with the probe mounted.
pub struct Bench {
    engines: Engines,
}

impl Bench {
    pub fn new() -> Self {
        Self { engines: engines() }
    }

    /// A transaction that calls the engine.
    pub fn time_engine(&mut self, call: &impl SolCall, samples: usize) -> Samples {
        self.time(&[], PROBE, call.abi_encode(), samples)
    }

    /// A transaction that calls a contract with this code.
    pub fn time_contract(&mut self, code: &[u8], samples: usize) -> Samples {
        self.time(code, CONTRACT, Vec::new(), samples)
    }

    fn time(&self, code: &[u8], to: Address, input: Vec<u8>, samples: usize) -> Samples {
        let mut first = genesis(&["probe-v1"]);
        let contract = GenesisAccount { code: Bytes::copy_from_slice(code), nonce: 1, ..Default::default() };
        first.accounts.insert(CONTRACT, contract);
        let outcome = execute_genesis(&self.engines, &first).expect("the first state is sound");
        let mut view = MemoryView::default();
        view.apply(&outcome.diff);
        let env = BlockEnv { number: 1, gas_limit: u64::MAX, ..first.env };
        let signer = account(1);
        let txs: Vec<_> = (0..PER_BLOCK as u64)
            .map(|nonce| sign(&signer, nonce, TxKind::Call(to), U256::ZERO, GAS, input.clone().into()))
            .collect();
        let mut times = Vec::new();
        while times.len() < samples {
            let ground = Ground { view: &view, engines: &self.engines, components: &NoComponents };
            let mut block = BlockExecutor::begin(ground, env).expect("no node fault");
            for (place, tx) in txs.iter().enumerate() {
                let began = Instant::now();
                let receipt = block.apply(tx, signer.address()).expect("a sound transaction");
                let time = began.elapsed().as_nanos() as f64;
                assert!(receipt.succeeded());
                // The first transaction of a block reads what the others find warm in the diff.
                if place > 0 {
                    times.push(time);
                }
            }
        }
        Samples::new(times).expect("there are samples, and they are finite")
    }
}

/// Bytecode that does `rounds` rounds of a rotation, a multiplication and an addition on 64-bit values.
pub fn evm_loop(rounds: u32) -> Vec<u8> {
    let mut code = vec![0x63];
    code.extend_from_slice(&rounds.to_be_bytes());
    // Stack: state, counter. Each round: state = (state << 13 | state >> 51) * 5 + counter, modulo 2^256.
    code.extend_from_slice(&[0x60, 0x9e]);
    let start = code.len() as u8;
    code.extend_from_slice(&[0x5b, 0x80, 0x60, 13, 0x1b, 0x90, 0x60, 51, 0x1c, 0x17, 0x60, 5, 0x02, 0x81, 0x01]);
    // counter -= 1; while counter != 0 go on.
    code.extend_from_slice(&[0x90, 0x60, 1, 0x90, 0x03, 0x90, 0x81, 0x60, start, 0x57, 0x00]);
    code
}
