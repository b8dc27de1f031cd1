//! A real chain in a temporary folder, a real server on a free port, and clients that speak JSON-RPC to it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin;
mod batches;
mod blocks;
mod calls;
mod discover;
mod fees;
mod in_flight;
mod intake;
mod kinds;
mod logs;
mod overrides;
mod pool;
mod server;
mod simulate;
mod state;
mod submit;
mod submit_sync;
mod subscriptions;
mod support;
mod trace;
