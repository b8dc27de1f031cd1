//! The run over all entries: each kind of them against a node of its own, two nodes at a time, one table.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    STACK_BYTES,
    arena::Arena,
    bombs, bytes, compiler, contracts,
    entry::Entry,
    exports, gas, repeats,
    table::{self, Row},
    uses, values,
};

type Entries = fn() -> Vec<Entry>;

/// The kinds, in the order of the table. Entries of one kind share a node, one after the other.
const KINDS: [(&str, Entries); 8] = [
    ("bytes", bytes::entries),
    ("bombs", bombs::entries),
    ("exports", exports::entries),
    ("uses", uses::entries),
    ("values", values::entries),
    ("repeats", repeats::entries),
    ("gas", gas::entries),
    // The last of these takes the registry from its governor.
    ("contracts", contracts::entries),
];
/// Nodes at work at a time: as many as `.config/nextest.toml` keeps processors for.
const NODES: usize = 2;
/// Runs after all others: it looks at the processes that this one has started.
const ALONE: (&str, Entries) = ("compiler", compiler::entries);

/// What came of one kind.
#[derive(Default)]
struct Came {
    rows: Vec<Row>,
    wrong: Vec<String>,
    /// Blocks that a second node executed again.
    blocks: u64,
    took: Duration,
}

pub fn every_hostile_input() {
    let next = AtomicUsize::new(0);
    let came: Vec<Mutex<Came>> = KINDS.iter().map(|_| Mutex::default()).collect();
    let work = || {
        while let Some((at, (_, entries))) = KINDS.iter().enumerate().nth(next.fetch_add(1, Relaxed)) {
            *came[at].lock() = kind(entries());
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..NODES {
            std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work).unwrap();
        }
    });
    let mut came: Vec<Came> = came.into_iter().map(Mutex::into_inner).collect();
    came.push(kind(ALONE.1()));
    for ((name, _), came) in KINDS.iter().chain([&ALONE]).zip(&came) {
        println!("{name}: {} inputs, {} blocks, {:.1} s", came.rows.len(), came.blocks, came.took.as_secs_f64());
    }
    let rows: Vec<&Row> = came.iter().flat_map(|came| &came.rows).collect();
    let blocks: u64 = came.iter().map(|came| came.blocks).sum();
    let text = format!(
        "{}\n{} inputs; nodes that have only the {blocks} blocks come to the same states.\n",
        table::render(&rows),
        rows.len(),
    );
    println!("{text}");
    std::fs::write(table::path(), text).unwrap();
    let wrong: Vec<&str> = came.iter().flat_map(|came| &came.wrong).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Runs the entries of one kind. `CALDERA_HOSTILE_ONLY` picks those whose input holds a text.
fn kind(entries: Vec<Entry>) -> Came {
    let only = std::env::var("CALDERA_HOSTILE_ONLY").unwrap_or_default();
    let (began, mut came) = (Instant::now(), Came::default());
    let (own, shared): (Vec<_>, Vec<_>) =
        entries.into_iter().filter(|entry| entry.input.contains(&only)).partition(|entry| entry.limits.is_some());
    if !shared.is_empty() {
        let mut arena = Arena::new();
        shared.iter().for_each(|entry| came.take(&mut arena, entry));
        came.blocks += arena.replay();
    }
    for entry in own {
        let mut arena = entry.limits.map(Arena::with_limits).unwrap();
        came.take(&mut arena, &entry);
        came.blocks += arena.replay();
    }
    came.took = began.elapsed();
    came
}

impl Came {
    /// Brings one entry about.
    fn take(&mut self, arena: &mut Arena, entry: &Entry) {
        arena.take_longest();
        let act = AssertUnwindSafe(|| (entry.act)(arena));
        let error = catch_unwind(act).unwrap_or_else(|panic| format!("PANIC: {}", message(panic.as_ref())));
        let longest = arena.take_longest();
        let alive = arena.alive();
        if !error.contains(entry.expects) || error.starts_with("PANIC") {
            self.wrong.push(format!("{}: expected '{}', got '{error}'", entry.input, entry.expects));
        }
        if !(alive.this && alive.others) {
            self.wrong.push(format!("{}: {alive:?}", entry.input));
        }
        let (input, error) = (entry.input.clone(), table::short(&error));
        self.rows.push(Row { group: entry.group, input, error, longest, alive });
    }
}

/// What a panic said.
pub fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
