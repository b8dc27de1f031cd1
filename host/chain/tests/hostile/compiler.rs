//! Components that pass every static check and are more than the compiler may spend: each limit of its process ends it, by
//! name, and nothing else of the node notices. Each on a node of its own, whose operator gives less than is recommended.

use std::time::Duration;

use alloy_primitives::TxKind;
use alloy_sol_types::SolCall;
use caldera_engine::{CompileFailure, CompileState, EngineError, StageError, compile::CompileLimits};
use caldera_execution::registry;
use caldera_types::{Component, Grants, limits::TX_GAS};

use crate::{
    Entry,
    arena::{Alive, Arena, limits},
    bombs,
    guest::Guest,
    processes::{Watch, children},
    wire::stage_call,
};

const GROUP: &str = "Bombs that the compiler's process is stopped at";
/// Blocks that are made at least while a bomb is compiled: a block that waited for it would be the only one.
const MEANWHILE: u64 = 10;

pub fn entries() -> Vec<Entry> {
    const RECOMMENDED: CompileLimits = CompileLimits::recommended();
    let (time, memory_bytes) = (Duration::from_millis(500), 160 << 20);
    vec![
        stopped(
            "more than 500 ms, by a node that gives no more",
            "timed out: more than 500 ms of time",
            CompileLimits { time, ..RECOMMENDED },
            CompileFailure::TimedOut { what: "time", limit: time },
        ),
        stopped(
            "more than 1 s of the processor, by a node that gives no more",
            "timed out: more than 1000 ms of processor time",
            CompileLimits { cpu_s: 1, ..RECOMMENDED },
            CompileFailure::TimedOut { what: "processor time", limit: Duration::from_secs(1) },
        ),
        stopped(
            "more than 160 MiB of memory, by a node that gives no more",
            "out of memory: more than 160 MiB",
            CompileLimits { memory_bytes, ..RECOMMENDED },
            CompileFailure::OutOfMemory { limit_bytes: memory_bytes },
        ),
    ]
}

fn stopped(input: &str, expects: &'static str, limits: CompileLimits, failure: CompileFailure) -> Entry {
    let act = move |arena: &mut Arena| check(arena, &failure);
    Entry { limits: Some(limits), ..Entry::new(GROUP, input, expects, act) }
}

/// The bomb fails by this name, whoever asks, and the node stays as it was; one that gives its compiler more stages the
/// same component, for none of this is a verdict on it.
fn check(arena: &mut Arena, failure: &CompileFailure) -> String {
    let bomb = Component::new(bombs::expensive()).unwrap();
    let stage = stage_call(&bomb, Grants::ALL, limits());
    let (to, input) = (TxKind::Call(registry::ADDRESS), stage.abi_encode());
    let mut said = String::new();
    // Sent twice: what this node failed at gets another try when it is sent again, and fails alike.
    for tries in 1..=2 {
        let watch = Watch::start();
        let (receipt, blocks) = arena.try_send(0, to, TX_GAS, input.clone().into(), vec![bomb.clone()]);
        assert!(receipt.is_none(), "no block holds what this node cannot compile");
        assert!(blocks >= MEANWHILE, "{blocks} blocks were made while it was compiled");
        assert!(watch.seen() || !cfg!(target_os = "linux"), "a child compiles");
        assert_eq!(children(), [0; 0], "no child is left");
        let CompileState::Failed { why } = arena.engines().compile_state(bomb.digest()) else {
            return format!("{:?}", arena.engines().compile_state(bomb.digest()));
        };
        assert_eq!(arena.engines().compile_stats().failed, tries);
        assert_eq!(arena.alive(), Alive { this: true, others: true });
        assert!(arena.chain().registry().unwrap().staged.iter().all(|staged| staged.digest != bomb.digest()));
        said = why;
    }
    let asked = arena.engines().stage(&bomb, Grants::ALL, &limits());
    let failure = EngineError::Compile { digest: bomb.digest(), failure: failure.clone() };
    assert_eq!(asked, Err(StageError::Node(failure)));
    assert_eq!(children(), [0; 0], "no child is left");
    // The node compiles what is sound as before.
    arena.stage(&Guest::calling("(i32.const 5)").component(), Grants::ALL, limits()).unwrap();
    let reason = said.split_once("on this node: ").map(|(_, reason)| reason.to_owned());
    reason.unwrap_or(said)
}
