//! Migrations: how an engine brings stored state from one layout to another, in steps of one block each.

/// One step, as [`crate::Engine::migrate`] is asked for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migration {
    /// Layout of the state that is there.
    pub from: u32,
    /// Layout that is wanted; less than `from` when the chain goes back to an older engine.
    pub to: u32,
    /// Empty in the first step, then what the step before gave.
    pub cursor: Vec<u8>,
}

impl Migration {
    /// What an engine answers that does not know the way.
    pub fn refuse(&self) -> String {
        format!("no migration from state version {} to {}", self.from, self.to)
    }
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Migrated {
    /// The state has the layout that was wanted.
    Done,
    /// Call again in the next block.
    More(Progress),
}

/// Where a step stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What the next step is called with. Over 1 KiB halts the migration.
    pub cursor: Vec<u8>,
    /// Work done so far, in units of the engine's choice, for operators.
    pub done: u64,
    /// All the work in the same units; 0: unknown.
    pub total: u64,
}
