//! A real chain in a temporary folder, a real server on a free port, and clients that speak JSON-RPC to it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin;
mod blocks;
mod calls;
mod fees;
mod logs;
mod server;
mod state;
mod submit;
mod subscriptions;
mod support;
