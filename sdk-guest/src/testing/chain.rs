//! What a test does with the chain.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolCall, SolEvent, abi::AbiDecoderConfig};

use super::{
    Failure,
    recording::{Hook, Input, Recording},
    world::{self, Accesses, Frame, Log, World, enter, with},
};
use crate::{
    BlockEnv, BlockSummary, CallEnv, Engine, MalformedCalldata, Migrated, Migration, Progress, Revert, answer,
    log::Level, run_call,
};

/// Longest cursor of a migration, as the node has it.
const MAX_CURSOR_BYTES: usize = 1024;
/// Steps after which a migration is taken for one that never ends.
const MAX_STEPS: usize = 10_000;

/// This thread's chain.
///
/// ```no_run
/// # use caldera_sdk::{prelude::*, testing::TestHost};
/// # sol! { interface Hello { function greet(string name) external returns (string); } }
/// # fn test<HelloEngine: Engine + 'static>(alice: Address, hello: Address) {
/// let host = TestHost::new();
/// host.mount::<HelloEngine>(hello);
/// let answer = host.call(alice, hello, &Hello::greetCall { name: "Ada".into() });
/// assert_eq!(answer.unwrap(), "Hello, Ada");
/// # }
/// ```
#[derive(Debug)]
pub struct TestHost(());

impl TestHost {
    /// An empty chain: block 1 of chain 1337 at second 1,700,000,000. Replaces this thread's chain.
    #[allow(clippy::new_without_default, reason = "it acts on the thread: it is no plain value")]
    pub fn new() -> Self {
        let block = BlockEnv { chain_id: 1337, number: 1, timestamp_s: 1_700_000_000, ..Default::default() };
        with(|world| *world = World::new(block, 10_000_000));
        Self(())
    }

    /// Puts an engine at an address. Storage that is there stays; `init` does not run.
    pub fn mount<E: Engine + 'static>(&self, at: Address) {
        with(|world| world.engines.insert(at, Rc::new(run_call::<E>)));
    }

    /// Mounts and runs `init`.
    pub fn init<E: Engine + 'static>(&self, at: Address, config: &[u8]) -> Result<(), String> {
        self.hook(at, || E::default().init(config))?;
        self.mount::<E>(at);
        Ok(())
    }

    /// Gives the engine another configuration; it stays as it was when it refuses.
    pub fn configure<E: Engine>(&self, at: Address, config: &[u8]) -> Result<(), String> {
        self.hook(at, || E::default().configure(config))
    }

    /// Replaces the engine by another version, as a swap does: if the layouts differ, the one with the greater state version
    /// migrates, up or down, one step per block; the old engine stays with its state when any step fails. Gives the
    /// progress of each step but the last.
    pub fn swap<Old: Engine + 'static, New: Engine + 'static>(&self, at: Address) -> Result<Vec<Progress>, String> {
        let (from, to) = (Old::STATE_VERSION, New::STATE_VERSION);
        let steps = match from.cmp(&to) {
            Ordering::Less => self.migrate::<New>(at, from, to)?,
            Ordering::Equal => Vec::new(),
            Ordering::Greater => self.migrate::<Old>(at, from, to)?,
        };
        self.mount::<New>(at);
        Ok(steps)
    }

    /// Runs the steps of a migration; undoes them all when one fails.
    fn migrate<E: Engine>(&self, at: Address, from: u32, to: u32) -> Result<Vec<Progress>, String> {
        let (before, logs, block) = (self.storage(at), self.logs().len(), self.block());
        let steps = self.steps::<E>(at, from, to);
        if steps.is_err() {
            with(|world| {
                world.storage.insert(at, before);
                world.logs.truncate(logs);
                world.block = block;
            });
        }
        steps
    }

    fn steps<E: Engine>(&self, at: Address, from: u32, to: u32) -> Result<Vec<Progress>, String> {
        let mut steps: Vec<Progress> = Vec::new();
        while steps.len() < MAX_STEPS {
            let cursor = steps.last().map(|step| step.cursor.clone()).unwrap_or_default();
            let step = Migration { from, to, cursor };
            match world::run(Frame::migration(at), || E::default().migrate(&step))? {
                Migrated::Done => return Ok(steps),
                Migrated::More(progress) if progress.cursor.len() > MAX_CURSOR_BYTES => {
                    return Err("output-too-long".into());
                }
                Migrated::More(progress) => steps.push(progress),
            }
            self.next_block(1);
        }
        Err(format!("the migration is not done after {MAX_STEPS} steps"))
    }

    /// Answers one function at an address by a closure, before any engine there. What the closure keeps is not undone.
    pub fn mock<C: SolCall + 'static, R: Into<C::Return> + 'static>(
        &self,
        at: Address,
        function: impl Fn(&CallEnv, C) -> Result<R, Revert> + 'static,
    ) {
        let code = move |env: &CallEnv, input: &[u8]| {
            let call = C::abi_decode_with_config(input, AbiDecoderConfig::new().validate(true))
                .map_err(|_| MalformedCalldata { selector: C::SELECTOR.into() })?;
            answer(call, |call| function(env, call))
        };
        with(|world| world.mocks.entry(at).or_default().insert(C::SELECTOR, Rc::new(code)));
    }

    /// Sends a transaction.
    pub fn call<C: SolCall>(&self, from: Address, to: Address, call: &C) -> Result<C::Return, Failure> {
        self.pay(from, to, U256::ZERO, call)
    }

    /// Sends a transaction with wei.
    pub fn pay<C: SolCall>(&self, from: Address, to: Address, value: U256, call: &C) -> Result<C::Return, Failure> {
        self.call_raw(from, to, value, &call.abi_encode()).and_then(|data| decode::<C>(&data))
    }

    /// Asks without being able to write, as `eth_call` of a view function.
    pub fn view<C: SolCall>(&self, from: Address, to: Address, call: &C) -> Result<C::Return, Failure> {
        self.enter(from, to, U256::ZERO, true, &call.abi_encode()).and_then(|data| decode::<C>(&data))
    }

    /// Sends a transaction with any input.
    pub fn call_raw(&self, from: Address, to: Address, value: U256, input: &[u8]) -> Result<Vec<u8>, Failure> {
        self.enter(from, to, value, false, input)
    }

    /// Runs the engine's `begin_block`.
    pub fn begin_block<E: Engine + 'static>(&self, at: Address) -> Result<(), String> {
        self.block_hook::<E>(at, Hook::Begin)
    }

    /// Runs the engine's `end_block`.
    pub fn end_block<E: Engine + 'static>(&self, at: Address, summary: &BlockSummary) -> Result<(), String> {
        self.block_hook::<E>(at, Hook::End(*summary))
    }

    /// Begins to record what is sent: calls, block hooks and balances. [`Self::recorded`] ends it.
    pub fn record(&self) {
        with(|world| world.recording = Some(Recording::new(world.snapshot())));
    }

    /// What was sent since [`Self::record`], to be run over another version by [`Recording::compare`]. Empty if nothing was
    /// being recorded.
    pub fn recorded(&self) -> Recording {
        with(|world| world.recording.take().unwrap_or_else(|| Recording::new(world.snapshot())))
    }

    /// Runs a piece of an engine's code as the account `at`, for tests of storage and parts.
    pub fn within<R>(&self, at: Address, act: impl FnOnce() -> R) -> Result<R, Failure> {
        world::run(Frame::new(at, false), || Ok(act()))
    }

    /// The block that calls run in.
    pub fn block(&self) -> BlockEnv {
        with(|world| world.block.clone())
    }

    /// Goes on to the next block, some seconds later.
    pub fn next_block(&self, seconds: u64) {
        self.change_block(|block| {
            block.number += 1;
            block.timestamp_s += seconds;
        });
    }

    /// Changes the block that calls run in.
    pub fn change_block(&self, change: impl FnOnce(&mut BlockEnv)) {
        with(|world| change(&mut world.block));
    }

    /// What `gas_left` says in each call. Nothing is metered here.
    pub fn set_gas(&self, gas: u64) {
        with(|world| world.gas_left = gas);
    }

    /// Gives an account this balance in wei.
    pub fn set_balance(&self, of: Address, wei: U256) {
        note(|| Input::Balance { of, wei });
        with(|world| world.balances.insert(of, wei));
    }

    /// An account's balance in wei.
    pub fn balance(&self, of: Address) -> U256 {
        with(|world| world.balance(of))
    }

    /// All logs that were not undone, in order.
    pub fn logs(&self) -> Vec<Log> {
        with(|world| world.logs.clone())
    }

    /// All events of one type, from whatever address, in order.
    pub fn events<E: SolEvent>(&self) -> Vec<E> {
        let logs = self.logs();
        logs.iter().filter_map(|log| E::decode_raw_log_validate(log.topics.iter().copied(), &log.data).ok()).collect()
    }

    /// Forgets the logs.
    pub fn clear_logs(&self) {
        with(|world| world.logs.clear());
    }

    /// An account's storage, to pin a layout or to compare.
    pub fn storage(&self, of: Address) -> BTreeMap<Vec<u8>, Vec<u8>> {
        with(|world| world.storage.get(&of).cloned().unwrap_or_default())
    }

    /// Every account that has storage, a balance or an engine.
    pub fn accounts(&self) -> BTreeSet<Address> {
        with(|world| world.storage.keys().chain(world.balances.keys()).chain(world.engines.keys()).copied().collect())
    }

    /// Storage operations since the last reset, those of undone calls included.
    pub fn accesses(&self) -> Accesses {
        with(|world| world.accesses)
    }

    /// Counts storage operations from here.
    pub fn reset_accesses(&self) {
        with(|world| world.accesses = Accesses::default());
    }

    /// Diagnostics that engines wrote, in order.
    pub fn messages(&self) -> Vec<(Level, String)> {
        with(|world| world.messages.clone())
    }

    fn enter(
        &self,
        from: Address,
        to: Address,
        value: U256,
        is_static: bool,
        input: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let env = with(|world| {
            world.origin = from;
            let (gas_left, block) = (world.gas_left, world.block.clone());
            CallEnv { caller: from, origin: from, this: to, value, is_static, gas_left, block }
        });
        note(|| Input::Call { env: env.clone(), input: input.to_vec() });
        enter(&env, input)
    }

    fn block_hook<E: Engine + 'static>(&self, at: Address, hook: Hook) -> Result<(), String> {
        let block = self.block();
        note(|| Input::Hook { at, block: block.clone(), hook, run: Rc::new(Hook::run::<E>) });
        self.hook(at, || Hook::run::<E>(&block, hook))
    }

    fn hook(&self, at: Address, act: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
        world::run(Frame::new(at, false), act)
    }
}

/// Records an input, if that was asked for.
fn note(input: impl FnOnce() -> Input) {
    with(|world| world.recording.as_mut().map(|recording| recording.push(input())));
}

impl From<Failure> for String {
    fn from(failure: Failure) -> Self {
        failure.message()
    }
}

fn decode<C: SolCall>(data: &[u8]) -> Result<C::Return, Failure> {
    C::abi_decode_returns(data).map_err(|error| Failure::Halted(format!("bad-return: {error}")))
}
