//! The registry's words in its Solidity interface.

use caldera_types::{EngineLimits, LastSwap, Mount, Phase, ProbationRule, Swap};

use super::{
    abi::IEngineRegistry as abi,
    records::{Armed, Staged},
};

impl From<abi::Limits> for EngineLimits {
    fn from(limits: abi::Limits) -> Self {
        Self {
            memory_pages: limits.memoryPages,
            fuel_per_call: limits.fuelPerCall,
            value_bytes: limits.valueBytes,
            subcall_depth: limits.subcallDepth,
        }
    }
}

impl From<EngineLimits> for abi::Limits {
    fn from(limits: EngineLimits) -> Self {
        Self {
            memoryPages: limits.memory_pages,
            fuelPerCall: limits.fuel_per_call,
            valueBytes: limits.value_bytes,
            subcallDepth: limits.subcall_depth,
        }
    }
}

impl From<&Mount> for abi::MountInfo {
    fn from(mount: &Mount) -> Self {
        Self {
            mount: mount.address,
            digest: mount.digest.0,
            grants: mount.grants.bits(),
            limits: mount.limits.into(),
            stateVersion: mount.state_version,
            generation: mount.generation,
            beginBlock: mount.hooks.begin_block,
            endBlock: mount.hooks.end_block,
            config: mount.config.clone(),
        }
    }
}

impl From<Staged> for abi::StagedInfo {
    fn from(staged: Staged) -> Self {
        Self {
            digest: staged.digest.0,
            grants: staged.grants.bits(),
            limits: staged.limits.into(),
            name: staged.name,
            version: staged.version,
            stateVersion: staged.state_version,
            beginBlock: staged.hooks.begin_block,
            endBlock: staged.hooks.end_block,
            stagedAt: staged.staged_at,
        }
    }
}

impl From<Armed> for abi::ArmedInfo {
    fn from(armed: Armed) -> Self {
        Self {
            mount: armed.mount,
            digest: armed.digest.0,
            height: armed.height,
            config: armed.config,
            probation: armed.probation.into(),
        }
    }
}

impl From<ProbationRule> for abi::ProbationRule {
    fn from(rule: ProbationRule) -> Self {
        Self {
            blocks: rule.blocks,
            window: rule.window,
            minCalls: rule.min_calls,
            faultsPerThousand: rule.faults_per_thousand,
        }
    }
}

impl From<abi::ProbationRule> for ProbationRule {
    fn from(rule: abi::ProbationRule) -> Self {
        Self {
            blocks: rule.blocks,
            window: rule.window,
            min_calls: rule.minCalls,
            faults_per_thousand: rule.faultsPerThousand,
        }
    }
}

impl From<Option<LastSwap>> for abi::LastSwapInfo {
    fn from(last: Option<LastSwap>) -> Self {
        let Some(LastSwap { digest, outcome, height }) = last else {
            return Self { digest: Default::default(), outcome: String::new(), height: 0 };
        };
        Self { digest: digest.0, outcome: outcome.name().to_owned(), height }
    }
}

impl From<Swap> for abi::SwapInfo {
    fn from(swap: Swap) -> Self {
        let info = Self {
            mount: swap.mount,
            phase: swap.phase.name().to_owned(),
            digest: Default::default(),
            since: 0,
            until: 0,
            done: 0,
            total: 0,
            calls: 0,
            faults: 0,
            reason: String::new(),
        };
        match swap.phase {
            Phase::Migrating(m) => Self {
                digest: m.target.digest.0,
                since: m.since,
                done: m.done,
                total: m.total,
                reason: m.reason,
                ..info
            },
            Phase::RollingBack(back) => Self { digest: back.digest.0, since: back.since, total: back.left, ..info },
            Phase::Probation(p) => Self {
                digest: p.previous.digest.0,
                since: p.since,
                until: p.until,
                calls: p.calls,
                faults: p.faults,
                ..info
            },
            Phase::Frozen(freeze) => Self { since: freeze.since, reason: freeze.reason, ..info },
        }
    }
}
