//! What the registry told in its events, in a form that can be compared.

use caldera_execution::registry::abi::IEngineRegistry::IEngineRegistryEvents as Event;

/// Events by name, with the heights of their blocks.
pub type Story = Vec<(&'static str, u64)>;

/// An event's short name.
pub fn name(event: &Event) -> &'static str {
    match event {
        Event::Staged(_) => "staged",
        Event::Armed(_) => "armed",
        Event::Disarmed(_) => "disarmed",
        Event::MigrationProgress(_) => "progress",
        Event::Activated(_) => "activated",
        Event::ActivationFailed(_) => "failed",
        Event::RolledBack(_) => "rolled back",
        Event::Finalized(_) => "final",
        Event::Reverted(_) => "reverted",
        Event::Frozen(_) => "frozen",
        Event::HookFailed(_) => "hook failed",
        Event::GovernanceTransferred(_) => "handed over",
    }
}

/// A story of steps from `since` on, one a block, with what was before and what comes after.
pub fn story(before: &[(&'static str, u64)], since: u64, steps: u64, after: &[(&'static str, u64)]) -> Story {
    let progress = (0..steps).map(|step| ("progress", since + step));
    before.iter().copied().chain(progress).chain(after.iter().copied()).collect()
}
