//! The node and its command line: configuration, wiring, event loop; the binary is caldera.
//!
//! Rooms of the host meet here and nowhere else. What talks to a live chain ([`rpc`], [`ctl`], [`weave_ctl`],
//! [`obligations`], [`tour`]) knows it only through its JSON-RPC, as any client does.

pub mod admin;
pub mod check;
pub mod cli;
pub mod component;
pub mod config;
pub mod ctl;
pub mod db;
pub mod dev;
pub mod engine_replay;
pub mod error;
pub mod export;
mod follow;
pub mod genesis_file;
pub mod import;
pub mod node;
pub mod obligations;
pub mod output;
pub mod paths;
pub mod replay;
pub mod rpc;
pub mod secret_file;
pub mod tour;
pub mod validation;
pub mod verify;
pub mod weave;
pub mod weave_ctl;
