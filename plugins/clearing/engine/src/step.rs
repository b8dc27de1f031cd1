//! Bounded work: how much of a close one block, or one call of `work`, does.
//!
//! Work is counted in kilogas at the worst that an item can cost: a position may be new, a token may use all it is given. An
//! item is begun only when the budget allows its worst, so a step costs less than [`Budget::STEP`] whatever happens,
//! and every item's worst is less than that, so every step gets on.
//!
//! **Starving.** A token call that fails for lack of gas would look like a debtor that does not pay. `work` therefore asks
//! for [`WORK_GAS`], which covers the whole budget. In a block hook the same holds when its share of gas is that much; and
//! were it less, a call that gets less than [`TOKEN_GAS`] leaves its caller 1/63 of what it used (EIP-150), which does
//! not pay for recording the failure: the step runs out of gas and is undone.

use clearing_rules::MAX_PARTICIPANTS;

/// Reading an entry that was not touched before, in kilogas: a cold slot, the host call and the code around.
pub const READ_COST: u64 = 3;
/// Changing an entry of one slot: a cold read and a write.
pub const UPDATE_COST: u64 = 6;
/// Writing an entry that was not there.
pub const NEW_ENTRY_COST: u64 = 25;
/// Gas that a token call is given. An ordinary ERC-20 transfer takes 30,000 to 60,000.
pub const TOKEN_GAS: u64 = 150_000;
/// A token call with all its gas.
pub const TOKEN_COST: u64 = TOKEN_GAS / 1_000 + 5;
/// Least gas of a call of `work`: the budget, the step's own record, and a third more.
pub const WORK_GAS: u64 = 4_000_000;

/// Kilogas that are left to a step.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    left: u64,
}

impl Budget {
    /// Kilogas of a step. A block hook has 8,000 to share among the mounts; this leaves room for a second one.
    pub const STEP: u64 = 3_000;
    /// Kilogas of a step of a migration, of the 30,000 that an activation has.
    const MIGRATION: u64 = 26_000;

    /// A step's budget.
    pub const fn step() -> Self {
        Self { left: Self::STEP }
    }

    /// The budget of a step of a migration.
    pub const fn migration() -> Self {
        Self { left: Self::MIGRATION }
    }

    /// Whether an item of this cost may begin.
    pub const fn allows(&self, cost: u64) -> bool {
        cost <= self.left
    }

    /// Takes the cost of an item that was allowed.
    pub fn spend(&mut self, cost: u64) {
        self.left = self.left.saturating_sub(cost);
    }

    /// Takes an item's cost if it is allowed.
    pub fn take(&mut self, cost: u64) -> bool {
        let allowed = self.allows(cost);
        if allowed {
            self.spend(cost);
        }
        allowed
    }
}

/// Finding where the loss is cut reads every position in one item.
pub const fn cutoff_cost(members: u32) -> u64 {
    members as u64 * READ_COST
}

const _: () = {
    assert!(cutoff_cost(MAX_PARTICIPANTS) <= Budget::STEP);
    assert!(WORK_GAS > Budget::STEP * 1_000 + 500_000);
};
