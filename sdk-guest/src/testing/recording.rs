//! Recorded business: what was sent to an engine, to be run again over another version of it and compared.

use std::rc::Rc;

use alloy_primitives::{Address, U256};

use super::{
    Failure, TestHost,
    world::{Frame, Log, World, enter, run, with},
};
use crate::{BlockEnv, BlockSummary, CallEnv, Engine};

/// The hooks of an engine that is not the one compared.
pub(super) type RunHook = Rc<dyn Fn(&BlockEnv, Hook) -> Result<(), String>>;

/// What was recorded, in order.
#[derive(Clone)]
pub(super) enum Input {
    Call { env: CallEnv, input: Vec<u8> },
    Hook { at: Address, block: BlockEnv, hook: Hook, run: RunHook },
    Balance { of: Address, wei: U256 },
}

/// A block hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// `begin_block`.
    Begin,
    /// `end_block`.
    End(BlockSummary),
}

impl Hook {
    /// Runs it on an engine.
    pub(super) fn run<E: Engine>(block: &BlockEnv, hook: Self) -> Result<(), String> {
        match hook {
            Self::Begin => E::default().begin_block(block),
            Self::End(summary) => E::default().end_block(block, &summary),
        }
    }
}

/// Calls, hooks and balances since [`TestHost::record`], and the chain as it was then.
pub struct Recording {
    before: Box<World>,
    inputs: Vec<Input>,
}

/// What an engine did with one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it returned (nothing for a hook), or how it failed; the message of a hook is a revert with that text.
    pub result: Result<Vec<u8>, Failure>,
    /// What was logged, by it and by those that it called.
    pub logs: Vec<Log>,
}

/// In what two versions differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One succeeded, the other did not; or one reverted and the other halted.
    Result,
    /// Both succeeded with other data.
    Return,
    /// Both reverted, or halted, for other reasons.
    Reason,
    /// The same result with other logs.
    Events,
    /// Entries of the storage after all inputs.
    Storage,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// In what.
    pub kind: Kind,
    /// Which input, or which entry: `call 3 of 0x… to 0x…: 0x…`.
    pub what: String,
    /// What the old version did.
    pub old: String,
    /// What the new version did.
    pub new: String,
}

impl Recording {
    pub(super) fn new(before: World) -> Self {
        Self { before: Box::new(before), inputs: Vec::new() }
    }

    pub(super) fn push(&mut self, input: Input) {
        self.inputs.push(input);
    }

    /// How many inputs there are.
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    /// Runs the inputs over the old version at `at`, and over the new one after its migration; gives all differences in
    /// order. Of the storage only what is in `fields` is compared: the fields whose layout both versions share. The chain
    /// is afterwards as the new version left it.
    ///
    /// The error is that of the migration.
    pub fn compare<Old: Engine + 'static, New: Engine + 'static>(
        &self,
        host: &TestHost,
        at: Address,
        fields: &[&str],
    ) -> Result<Vec<Difference>, String> {
        self.restore();
        host.mount::<Old>(at);
        let (old, old_storage) = (self.play::<Old>(at), host.storage(at));
        self.restore();
        let block = host.block();
        host.swap::<Old, New>(at)?;
        // Both versions see the recorded blocks, however many the migration took.
        host.change_block(|now| *now = block);
        host.clear_logs();
        let (new, new_storage) = (self.play::<New>(at), host.storage(at));
        let mut differences: Vec<_> = self
            .inputs
            .iter()
            .zip(old.iter().zip(&new))
            .enumerate()
            .filter_map(|(index, (input, (old, new)))| differ(old, new).map(|kind| (kind, index, input, old, new)))
            .map(|(kind, index, input, old, new)| Difference {
                kind,
                what: input.named(index),
                old: format!("{old:?}"),
                new: format!("{new:?}"),
            })
            .collect();
        let keys: std::collections::BTreeSet<_> = old_storage.keys().chain(new_storage.keys()).collect();
        for key in keys.into_iter().filter(|key| fields.iter().any(|field| is_of(key, field))) {
            let (old, new) = (old_storage.get(key), new_storage.get(key));
            if old != new {
                let what = format!("entry {}", String::from_utf8_lossy(key).escape_debug());
                differences.push(Difference {
                    kind: Kind::Storage,
                    what,
                    old: format!("{old:?}"),
                    new: format!("{new:?}"),
                });
            }
        }
        Ok(differences)
    }

    fn restore(&self) {
        with(|world| *world = self.before.snapshot());
    }

    fn play<E: Engine>(&self, at: Address) -> Vec<Outcome> {
        self.inputs.iter().map(|input| input.play::<E>(at)).collect()
    }
}

impl Input {
    fn play<E: Engine>(&self, target: Address) -> Outcome {
        let logged = with(|world| world.logs.len());
        let result = match self {
            Self::Call { env, input } => {
                with(|world| (world.origin, world.block) = (env.origin, env.block.clone()));
                enter(env, input)
            }
            Self::Hook { at, block, hook, run: recorded } => {
                with(|world| world.block = block.clone());
                let act = || if *at == target { Hook::run::<E>(block, *hook) } else { recorded(block, *hook) };
                run(Frame::new(*at, false), act)
                    .map(|()| Vec::new())
                    .map_err(|text: String| Failure::Reverted(crate::Revert::message(&text)))
            }
            Self::Balance { of, wei } => {
                with(|world| world.balances.insert(*of, *wei));
                Ok(Vec::new())
            }
        };
        Outcome { result, logs: with(|world| world.logs[logged.min(world.logs.len())..].to_vec()) }
    }

    fn named(&self, index: usize) -> String {
        match self {
            Self::Call { env, input } => {
                let input = alloy_primitives::hex::encode_prefixed(&input[..input.len().min(36)]);
                format!("input {index}: call of {} from {}: {input}", env.this, env.caller)
            }
            Self::Hook { at, block, hook, .. } => format!("input {index}: {hook:?} of block {} at {at}", block.number),
            Self::Balance { of, wei } => format!("input {index}: {of} has {wei} wei"),
        }
    }
}

fn differ(old: &Outcome, new: &Outcome) -> Option<Kind> {
    use Failure::{Halted, Reverted};
    match (&old.result, &new.result) {
        (Ok(a), Ok(b)) if a != b => Some(Kind::Return),
        (Err(Reverted(a)), Err(Reverted(b))) if a != b => Some(Kind::Reason),
        (Err(Halted(a)), Err(Halted(b))) if a != b => Some(Kind::Reason),
        (a, b) if a != b => Some(Kind::Result),
        _ => (old.logs != new.logs).then_some(Kind::Events),
    }
}

/// Whether a key is of a field of this name.
fn is_of(key: &[u8], field: &str) -> bool {
    key.split_first()
        .is_some_and(|(length, rest)| usize::from(*length) == field.len() && rest.starts_with(field.as_bytes()))
}
