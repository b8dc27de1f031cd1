//! Hostile input against nodes at work: each entry has a named error, after which its chain and the other of its node still
//! make blocks and answer calls. The run writes the table `hostile.md` beside the build results.
//!
//! The entries are data: what comes in, the text that the error must hold, and the act that brings it about by real
//! transactions. At the end a node that has nothing but the blocks comes to the same state.
//!
//! Components are compiled as an operator's node compiles them: in a child process with limits. This program is that child
//! as well, so it has a `main` of its own (`harness = false`).

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod arena;
mod bombs;
mod bytes;
mod calls;
mod compiler;
mod contracts;
mod entry;
mod exports;
mod gas;
#[allow(dead_code, reason = "each test binary uses its part")]
#[path = "../../../engine/tests/support/guest.rs"]
mod guest;
mod processes;
mod repeats;
mod run;
mod side;
mod table;
mod uses;
mod values;
mod wire;

use std::process::ExitCode;

use caldera_engine::compile;
use entry::Entry;
use libtest_mimic::{Arguments, Trial};

/// Engine calls nest on the stack of the thread that makes blocks: these have what the producer's has.
const STACK_BYTES: usize = 16 * 1024 * 1024;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|name| name == compile::SUBCOMMAND) {
        return compile::main(args);
    }
    let check = || {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run::every_hostile_input);
        thread.unwrap().join().map_err(|panic| run::message(panic.as_ref()).into())
    };
    let trial = Trial::test("every_hostile_input_has_a_named_error_and_all_chains_go_on", check);
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}
