//! The steps of the road, and what each asks of a round.

use crate::{
    migrations,
    rig::{Standing, Works},
    road::{Aim, Road},
    staging, trials,
};

/// Where the node is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The transaction that stages is in the pool and in no block.
    StageSent,
    /// What it brings is being compiled, by a process of its own.
    Compiling,
    /// What was compiled is being written to the cache.
    Caching,
    /// A component is staged, nothing is armed.
    Staged,
    /// A candidate runs in the shadow of the active engine.
    Shadowed,
    /// Something is armed for a later height.
    Armed,
    /// The block of the activation comes, or has just come.
    Activation,
    /// A new configuration for the same component goes live.
    Configuration,
    /// A migration is on its way, over many blocks.
    Migrating,
    /// A step of it failed; what it wrote is being undone.
    RollingBack,
    /// The governor ended it; what it wrote is being undone.
    Aborted,
    /// It succeeded; the old values are being dropped.
    Sweeping,
    /// The new generation is on trial.
    Probation,
    /// The rule tripped; the state goes back, over many blocks.
    Reverting,
    /// The rule tripped and there is no way back.
    Frozen,
}

impl Step {
    /// All of them, in the order of the road.
    pub const ALL: [Self; 15] = [
        Self::StageSent,
        Self::Compiling,
        Self::Caching,
        Self::Staged,
        Self::Shadowed,
        Self::Armed,
        Self::Activation,
        Self::Configuration,
        Self::Migrating,
        Self::RollingBack,
        Self::Aborted,
        Self::Sweeping,
        Self::Probation,
        Self::Reverting,
        Self::Frozen,
    ];

    /// Its name in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StageSent => "stage sent, in no block",
            Self::Compiling => "compiling",
            Self::Caching => "writing native code",
            Self::Staged => "staged",
            Self::Shadowed => "shadowed",
            Self::Armed => "armed",
            Self::Activation => "activation block",
            Self::Configuration => "configuration only",
            Self::Migrating => "migrating",
            Self::RollingBack => "rolling back",
            Self::Aborted => "aborted by the governor",
            Self::Sweeping => "sweeping old values",
            Self::Probation => "probation",
            Self::Reverting => "reverting",
            Self::Frozen => "frozen",
        }
    }

    /// What the load does: where every entry must be as before, it leaves the engine alone.
    pub const fn load(self) -> Works {
        match self {
            Self::RollingBack | Self::Aborted => Works::Pays,
            _ => Works::PaysAndWrites,
        }
    }

    /// Brings the node to the step.
    pub async fn reach(self, road: &mut Road) -> Aim {
        match self {
            Self::StageSent => staging::send(road).await,
            Self::Compiling => staging::compile(road).await,
            Self::Caching => staging::cache(road).await,
            Self::Staged => staging::stage(road).await,
            Self::Shadowed => staging::shadow(road).await,
            Self::Armed => staging::arm(road).await,
            Self::Activation => staging::activate(road).await,
            Self::Configuration => staging::configure(road).await,
            Self::Migrating => migrations::migrate(road).await,
            Self::RollingBack => migrations::fail(road).await,
            Self::Aborted => migrations::abort(road).await,
            Self::Sweeping => migrations::succeed(road).await,
            Self::Probation => trials::behave(road).await,
            Self::Reverting => trials::misbehave(road).await,
            Self::Frozen => trials::misbehave_for_good(road).await,
        }
    }

    /// Whether the node died in it, by what stood after its last block.
    pub fn was_hit(self, road: &Road, at: &Standing) -> bool {
        match self {
            Self::StageSent => !road.is_logged(),
            Self::Compiling | Self::Caching => road.died_unfinished,
            Self::Shadowed => at.phase() == "active",
            Self::Staged => at.staged.contains(&road.digest) && at.armed.is_empty(),
            Self::Armed => !at.armed.is_empty(),
            Self::Activation | Self::Configuration => (road.height - 2..=road.height).contains(&at.number),
            Self::Migrating => at.phase() == "migrating",
            Self::RollingBack | Self::Aborted => at.phase() == "rolling-back",
            Self::Sweeping => at.sweeping,
            Self::Probation => at.phase() == "probation",
            Self::Reverting => at.phase() == "migrating",
            Self::Frozen => at.phase() == "frozen",
        }
    }

    /// Follows the road to its end after the restart; gives what it ended as.
    pub async fn settle(self, road: &mut Road, at: &Standing) -> &'static str {
        match self {
            Self::StageSent => staging::is_off(road).await,
            Self::Compiling | Self::Caching => staging::is_compiled_again(road).await,
            Self::Staged => staging::goes_on_from_staged(road).await,
            Self::Shadowed => staging::is_cleanly_off(road).await,
            Self::Armed => staging::goes_on_from_armed(road).await,
            Self::Activation => staging::is_active(road).await,
            Self::Configuration => staging::is_configured(road).await,
            Self::Migrating => migrations::is_done(road, at).await,
            Self::RollingBack => migrations::is_undone(road).await,
            Self::Aborted => migrations::is_undone(road).await,
            Self::Sweeping => migrations::is_swept(road).await,
            Self::Probation => trials::is_final(road).await,
            Self::Reverting => trials::is_reverted(road).await,
            Self::Frozen => trials::is_frozen(road).await,
        }
    }
}
