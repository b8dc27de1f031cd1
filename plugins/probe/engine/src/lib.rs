//! An engine that does what its input says, for tests and benches; never for a chain that matters.
//!
//! [`Probe`] stores, calls, emits, and misbehaves on demand: it loops, traps, uses up memory or overflows its stack.
//! [`NextProbe`] is its second version, whose hooks and migrations, up and down, do what entries of the storage say;
//! [`OddProbe`] diverges from the first.

mod misbehave;
mod odd;

use caldera_sdk::prelude::*;

pub use odd::OddProbe;

sol! {
    /// What the probe can be told to do.
    interface IProbe {
        /// Told by `note`.
        event Noted(uint256 indexed topic, bytes data);
        /// Told by `beginBlock` of version 2.
        event BlockBegan(uint64 number);
        /// Thrown by `refuse`.
        error Refused(uint256 code);

        /// Does nothing: what is measured is the call itself.
        function nothing() external view;
        /// Gives back its input.
        function echo(bytes data) external view returns (bytes);
        /// Reads an entry.
        function get(bytes key) external view returns (bytes);
        /// Writes an entry.
        function set(bytes key, bytes value) external;
        /// Reads entry `key` so many times.
        function getTimes(bytes key, uint32 times) external view;
        /// Writes entry `key` so many times, another value each time.
        function setTimes(bytes key, uint32 times) external;
        /// Calls the host so many times, for nothing.
        function hostCalls(uint32 times) external view;
        /// Runs so many rounds of arithmetic.
        function compute(uint32 rounds) external view returns (uint64);
        /// Emits `Noted`.
        function note(uint256 topic, bytes data) external;
        /// Wei of an account.
        function balance(address of) external view returns (uint256);
        /// Calls another contract with `msg.value`; tells whether that worked and what came back.
        function forward(address to, bytes input, uint64 gas) external payable returns (bool, bytes);
        /// The same, read-only.
        function look(address to, bytes input, uint64 gas) external view returns (bool, bytes);
        /// Writes an entry, then calls, and fails if the call fails.
        function setThenCall(bytes key, bytes value, address to, bytes input) external;
        /// Reverts with `Refused`.
        function refuse(uint256 code) external view;
        /// Never ends.
        function spin() external view;
        /// Panics.
        function trap() external view;
        /// Allocates without end.
        function exhaust() external view;
        /// Recurses without end.
        function recurse() external view;
        /// Which version runs.
        function generation() external view returns (uint32);
        /// Blocks that version 2 began.
        function blocks() external view returns (uint64);
    }
}

storage! {
    /// Version 1.
    pub struct Probe {
        entries: Map<Vec<u8>, Bytes>,
        blocks: Value<u64>,
    }
}

impl Engine for Probe {
    type Calls = IProbe::IProbeCalls;
    const NAME: &'static str = "probe";
    const VERSION: &'static str = "1.0.0";
    const ABI: &'static str = include_str!("../abi.json");
    const PAYABLE: &'static [[u8; 4]] = &[IProbe::forwardCall::SELECTOR];

    fn call(&mut self, env: &CallEnv, call: Self::Calls) -> Result<Vec<u8>, Revert> {
        self.run(env, call, 1)
    }

    /// Kept in the entry `config`; the entry `configure` says how it goes.
    fn configure(&mut self, config: &[u8]) -> Result<(), String> {
        self.put(b"config", config);
        self.obey(b"configure")
    }
}

impl Probe {
    fn run(&mut self, env: &CallEnv, call: IProbe::IProbeCalls, generation: u32) -> Result<Vec<u8>, Revert> {
        use IProbe::IProbeCalls as Calls;
        match call {
            Calls::nothing(call) => answer(call, |_| Ok(())),
            Calls::echo(call) => answer(call, |call| Ok(call.data)),
            Calls::get(call) => answer(call, |call| Ok(self.entries.get(&call.key.to_vec()))),
            Calls::set(call) => answer(call, |call| {
                self.entries.set(&call.key.to_vec(), &call.value);
                Ok(())
            }),
            Calls::getTimes(call) => answer(call, |call| {
                (0..call.times).for_each(|_| drop(self.entries.get(&call.key.to_vec())));
                Ok(())
            }),
            Calls::setTimes(call) => answer(call, |call| {
                (0..call.times)
                    .for_each(|n| self.entries.set(&call.key.to_vec(), &Bytes::from(n.to_be_bytes().to_vec())));
                Ok(())
            }),
            Calls::hostCalls(call) => answer(call, |call| {
                (0..call.times).for_each(|_| {
                    std::hint::black_box(balance_of(env.caller));
                });
                Ok(())
            }),
            Calls::compute(call) => answer(call, |call| Ok(misbehave::compute(call.rounds))),
            Calls::note(call) => answer(call, |call| {
                emit(&IProbe::Noted { topic: call.topic, data: call.data });
                Ok(())
            }),
            Calls::balance(call) => answer(call, |call| Ok(balance_of(call.of))),
            Calls::forward(call) => answer(call, |call| {
                let target = contract(call.to).value(env.value).gas(call.gas);
                Ok(outcome(target.call_raw(&call.input)))
            }),
            Calls::look(call) => {
                answer(call, |call| Ok(outcome(contract(call.to).gas(call.gas).view_raw(&call.input))))
            }
            Calls::setThenCall(call) => answer(call, |call| {
                self.entries.set(&call.key.to_vec(), &call.value);
                contract(call.to).call_raw(&call.input)?;
                Ok(())
            }),
            Calls::refuse(call) => answer(call, |call| Err::<(), _>(IProbe::Refused { code: call.code }.into())),
            Calls::spin(call) => answer(call, |_| -> Result<(), Revert> { misbehave::spin() }),
            Calls::trap(call) => answer(call, |_| -> Result<(), Revert> { misbehave::trap() }),
            Calls::exhaust(call) => answer(call, |_| -> Result<(), Revert> { misbehave::exhaust() }),
            Calls::recurse(call) => answer(call, |_| {
                misbehave::recurse(0);
                Ok(())
            }),
            Calls::generation(call) => answer(call, |_| Ok(generation)),
            Calls::blocks(call) => answer(call, |_| Ok(self.blocks.get())),
        }
    }

    fn put(&mut self, key: &'static [u8], value: &[u8]) {
        self.entries.set(&key.to_vec(), &Bytes::copy_from_slice(value));
    }

    /// The number that an entry holds in decimal digits, or none.
    fn number(&self, key: &'static [u8]) -> Option<u64> {
        std::str::from_utf8(&self.entries.get(&key.to_vec())).ok()?.parse().ok()
    }

    /// What the entry under `key` says to do, as a hook, a configuration or a migration.
    fn obey(&mut self, key: &'static [u8]) -> Result<(), String> {
        match self.entries.get(&key.to_vec()).as_ref() {
            b"refuse" => Err("told to refuse".into()),
            b"trap" => misbehave::trap(),
            b"exhaust" => misbehave::exhaust(),
            b"spin" => misbehave::spin(),
            _ => Ok(()),
        }
    }
}

fn outcome(called: Result<Vec<u8>, caldera_sdk::contract::ContractError>) -> (bool, Bytes) {
    match called {
        Ok(data) => (true, data.into()),
        Err(failure) => (false, Revert::from(failure).into_data().into()),
    }
}

/// Version 2: another layout, migrations and hooks. Entries say how they go: `hook`; `migrate` and, for the way back,
/// `migrate-down`, in the step that `migrate-at` names (0 unless set); `migrate-steps` is how many steps either takes (1
/// unless set).
#[derive(Default)]
pub struct NextProbe(Probe);

impl Engine for NextProbe {
    type Calls = IProbe::IProbeCalls;
    const NAME: &'static str = "probe";
    const VERSION: &'static str = "2.0.0";
    const STATE_VERSION: u32 = 2;
    const ABI: &'static str = Probe::ABI;
    const PAYABLE: &'static [[u8; 4]] = Probe::PAYABLE;
    const BEGIN_BLOCK: bool = true;

    fn call(&mut self, env: &CallEnv, call: Self::Calls) -> Result<Vec<u8>, Revert> {
        self.0.run(env, call, 2)
    }

    fn configure(&mut self, config: &[u8]) -> Result<(), String> {
        self.0.configure(config)
    }

    fn migrate(&mut self, step: &Migration) -> Result<Migrated, String> {
        let (mark, how): (&'static [u8], &'static [u8]) = match (step.from, step.to) {
            (1, 2) => (b"migrated-from", b"migrate"),
            (2, 1) => (b"migrated-down-from", b"migrate-down"),
            _ => return Err(step.refuse()),
        };
        let index = step.cursor.first_chunk().map_or(0, |cursor| u64::from_be_bytes(*cursor));
        // Written first, so that a failed migration has something to undo.
        self.0.put(mark, &step.from.to_be_bytes());
        self.0.put(b"counter", format!("step {}", index + 1).as_bytes());
        if index == self.0.number(b"migrate-at").unwrap_or(0) {
            self.0.obey(how)?;
        }
        let (done, total) = (index + 1, self.0.number(b"migrate-steps").unwrap_or(1));
        if done >= total {
            return Ok(Migrated::Done);
        }
        Ok(Migrated::More(Progress { cursor: done.to_be_bytes().to_vec(), done, total }))
    }

    fn begin_block(&mut self, block: &BlockEnv) -> Result<(), String> {
        self.0.blocks.set(&(self.0.blocks.get() + 1));
        emit(&IProbe::BlockBegan { number: block.number });
        self.0.obey(b"hook")
    }
}
