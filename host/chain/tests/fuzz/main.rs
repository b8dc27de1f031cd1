//! Seeded fuzzing of everything that a stranger can hand to a chain: component bytes, calldata, and a guest's host calls.
//!
//! Bounded as an ordinary test; `CALDERA_FUZZ_SECONDS` lets each of the three run longer, `CALDERA_FUZZ_SEED` gives it other
//! numbers. What must hold: no panic, no failure of the node, a named fault or rejection, and the same outcome again.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod calldata;
mod components;
mod host_calls;
mod seed;
#[path = "../../../engine/tests/support/mod.rs"]
mod support;
mod world;

use support::guest;
