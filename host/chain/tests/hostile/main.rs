//! Hostile input against chains at work: each entry has a named error, after which its chain and the other still make
//! blocks and answer calls. The run writes the table `hostile.md` beside the build results.
//!
//! The entries are data: what comes in, the text that the error must hold, and the act that brings it about by real
//! transactions. At the end a node that has nothing but the blocks comes to the same state.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod arena;
mod bombs;
mod bytes;
mod calls;
mod contracts;
mod exports;
mod gas;
#[allow(dead_code, reason = "each test binary uses its part")]
#[path = "../../../engine/tests/support/guest.rs"]
mod guest;
mod table;

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use arena::Arena;
use table::Row;

/// One hostile input.
pub struct Entry {
    group: &'static str,
    input: String,
    /// What the error must hold.
    expects: &'static str,
    /// Brings it about and gives the error.
    act: Box<dyn Fn(&mut Arena) -> String>,
}

impl Entry {
    fn new(
        group: &'static str,
        input: impl Into<String>,
        expects: &'static str,
        act: impl Fn(&mut Arena) -> String + 'static,
    ) -> Self {
        Self { group, input: input.into(), expects, act: Box::new(act) }
    }
}

/// Engine calls nest on the stack of the thread that makes blocks: this one has what the producer's has.
const STACK_BYTES: usize = 16 * 1024 * 1024;

#[test]
#[ignore = "unfinished: takes two minutes, and not every entry of the table holds yet; run it by hand"]
fn every_hostile_input_has_a_named_error_and_both_chains_go_on() {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    thread.spawn(run).unwrap().join().unwrap();
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

fn run() {
    let mut arena = Arena::new();
    let mut entries = bytes::entries();
    entries.extend(bombs::entries());
    entries.extend(exports::entries());
    entries.extend(calls::entries());
    entries.extend(gas::entries());
    // The last of these takes the registry from its governor.
    entries.extend(contracts::entries());
    let only = std::env::var("CALDERA_HOSTILE_ONLY").unwrap_or_default();
    let mut rows = Vec::new();
    let mut wrong = Vec::new();
    for entry in entries.iter().filter(|entry| entry.input.contains(&only)) {
        arena.take_longest();
        let act = AssertUnwindSafe(|| (entry.act)(&mut arena));
        let error = catch_unwind(act).unwrap_or_else(|panic| format!("PANIC: {}", message(panic.as_ref())));
        let longest = arena.take_longest();
        let alive = arena.alive();
        if !error.contains(entry.expects) || error.starts_with("PANIC") {
            wrong.push(format!("{}: expected '{}', got '{error}'", entry.input, entry.expects));
        }
        if !(alive.this && alive.others) {
            wrong.push(format!("{}: {alive:?}", entry.input));
        }
        rows.push(Row { group: entry.group, input: entry.input.clone(), error: table::short(&error), longest, alive });
    }
    let blocks = arena.replay();
    let text = format!(
        "{}\n{} inputs; a second node that has only the {blocks} blocks comes to the same state.\n",
        table::render(&rows),
        rows.len(),
    );
    println!("{text}");
    std::fs::write(table::path(), text).unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
