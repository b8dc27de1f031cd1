//! The state of the test chain, with an undo log, and the frames of the calls that run on it.

use std::{
    any::Any,
    cell::RefCell,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
};

use alloy_primitives::{Address, B256, U256};

use super::{Failure, recording::Recording};
use crate::{BlockEnv, CallEnv, Revert, log::Level};

/// How deep calls may nest, as on a chain with the recommended limits.
const MAX_DEPTH: usize = 8;

/// What answers at an address.
pub(super) type Code = Rc<dyn Fn(&CallEnv, &[u8]) -> Result<Vec<u8>, Revert>>;
/// Functions mocked at an address, by selector.
pub(super) type Mocks = BTreeMap<[u8; 4], Code>;

/// An emitted log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Who emitted it.
    pub address: Address,
    /// Up to four topics; the first is the event's.
    pub topics: Vec<B256>,
    /// The event's other fields.
    pub data: Vec<u8>,
}

/// How often storage was used since [`super::TestHost::reset_accesses`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accesses {
    /// Reads.
    pub reads: u64,
    /// Writes and removals.
    pub writes: u64,
}

/// One undone step.
enum Undo {
    Entry { of: Address, key: Vec<u8>, old: Option<Vec<u8>> },
    Balance { of: Address, old: U256 },
}

/// A running call.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub this: Address,
    /// Its writes are faults.
    pub is_static: bool,
    /// The calls that it makes are static.
    pub calls_are_static: bool,
}

impl Frame {
    /// An ordinary call.
    pub fn new(this: Address, is_static: bool) -> Self {
        Self { this, is_static, calls_are_static: is_static }
    }

    /// A step of a migration.
    pub fn migration(this: Address) -> Self {
        Self { this, is_static: false, calls_are_static: true }
    }
}

/// A fault that unwinds the guest.
pub(super) struct Halt(pub &'static str);

#[derive(Default)]
pub(super) struct World {
    pub block: BlockEnv,
    pub gas_left: u64,
    pub storage: BTreeMap<Address, BTreeMap<Vec<u8>, Vec<u8>>>,
    pub balances: BTreeMap<Address, U256>,
    pub logs: Vec<Log>,
    pub engines: BTreeMap<Address, Code>,
    pub mocks: BTreeMap<Address, Mocks>,
    pub origin: Address,
    pub accesses: Accesses,
    pub messages: Vec<(Level, String)>,
    /// What is being recorded, if anything.
    pub recording: Option<Recording>,
    frames: Vec<Frame>,
    undo: Vec<Undo>,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

/// Reads or changes this thread's chain. Never held while an engine runs.
pub(super) fn with<R>(act: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(act)
}

impl World {
    /// An empty chain.
    pub fn new(block: BlockEnv, gas_left: u64) -> Self {
        Self { block, gas_left, ..Default::default() }
    }

    /// The chain as it is between calls, without what was logged, counted and recorded.
    pub fn snapshot(&self) -> Self {
        Self {
            block: self.block.clone(),
            gas_left: self.gas_left,
            storage: self.storage.clone(),
            balances: self.balances.clone(),
            engines: self.engines.clone(),
            mocks: self.mocks.clone(),
            origin: self.origin,
            ..Self::default()
        }
    }

    /// The running call. Outside of any, for tests of storage alone, the zero address, which may write.
    pub fn frame(&self) -> Frame {
        self.frames.last().copied().unwrap_or(Frame::new(Address::ZERO, false))
    }

    /// Writes an entry of the running engine; none removes it.
    pub fn write(&mut self, key: &[u8], value: Option<Vec<u8>>) {
        let of = self.frame().this;
        let entries = self.storage.entry(of).or_default();
        let old = match value {
            Some(value) => entries.insert(key.to_vec(), value),
            None => entries.remove(key),
        };
        self.undo.push(Undo::Entry { of, key: key.to_vec(), old });
    }

    pub fn balance(&self, of: Address) -> U256 {
        self.balances.get(&of).copied().unwrap_or_default()
    }

    pub fn set_balance(&mut self, of: Address, balance: U256) {
        let old = self.balance(of);
        self.balances.insert(of, balance);
        self.undo.push(Undo::Balance { of, old });
    }

    /// Moves wei. False, with nothing moved, when there is too little.
    pub fn transfer(&mut self, from: Address, to: Address, value: U256) -> bool {
        let Some(rest) = self.balance(from).checked_sub(value) else { return false };
        self.set_balance(from, rest);
        self.set_balance(to, self.balance(to).saturating_add(value));
        true
    }

    /// Undoes down to a point in the undo log and in the logs.
    fn roll_back(&mut self, steps: usize, logs: usize) {
        self.logs.truncate(logs);
        for step in self.undo.drain(steps..).rev() {
            match step {
                Undo::Entry { of, key, old: Some(old) } => drop(self.storage.entry(of).or_default().insert(key, old)),
                Undo::Entry { of, key, old: None } => drop(self.storage.entry(of).or_default().remove(&key)),
                Undo::Balance { of, old } => drop(self.balances.insert(of, old)),
            }
        }
    }
}

/// Runs `act` as this call; undoes all it wrote if it fails, panics or faults.
pub(super) fn run<R, E: From<Failure>>(frame: Frame, act: impl FnOnce() -> Result<R, E>) -> Result<R, E> {
    let (depth, steps, logs) = with(|world| {
        let is_static = frame.is_static || world.frame().is_static;
        world.frames.push(Frame { is_static, calls_are_static: frame.calls_are_static || is_static, ..frame });
        (world.frames.len(), world.undo.len(), world.logs.len())
    });
    let result = catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| Err(Failure::Halted(reason(panic)).into()));
    with(|world| {
        world.frames.truncate(depth - 1);
        if result.is_err() {
            world.roll_back(steps, logs);
        }
        if depth == 1 {
            world.undo.clear();
        }
    });
    result
}

/// Calls an address as `env` says. Value is moved by the caller of this function, inside its own `run`.
pub(super) fn enter(env: &CallEnv, input: &[u8]) -> Result<Vec<u8>, Failure> {
    run(Frame::new(env.this, env.is_static), || {
        let moved = with(|world| world.transfer(env.caller, env.this, env.value));
        if !moved {
            return Err(Failure::Halted("insufficient-balance".into()));
        }
        let code = with(|world| {
            let selector = input.first_chunk::<4>();
            let mock = selector.and_then(|selector| world.mocks.get(&env.this)?.get(selector).cloned());
            mock.or_else(|| world.engines.get(&env.this).cloned())
        });
        // An address without code takes value and answers nothing, as in the EVM.
        code.map_or(Ok(Vec::new()), |code| code(env, input).map_err(Failure::Reverted))
    })
}

/// Whether one more call may nest.
pub(super) fn too_deep() -> bool {
    with(|world| world.frames.len() > MAX_DEPTH)
}

/// Ends the running guest with a fault of this name, without the noise of a panic.
pub(super) fn halt(fault: &'static str) -> ! {
    resume_unwind(Box::new(Halt(fault)))
}

fn reason(panic: Box<dyn Any + Send>) -> String {
    if let Some(Halt(fault)) = panic.downcast_ref() {
        return (*fault).into();
    }
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message");
    format!("unreachable: {message}")
}
