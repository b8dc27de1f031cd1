//! The SDK on the native test chain: storage against models, dispatch against noise, and the chain's own semantics.
#![allow(clippy::unwrap_used, reason = "tests")]

mod abi;
mod chain;
mod codec;
mod crypto;
mod dispatch;
mod fixture;
mod migration;
mod ordered;
mod storage;
mod verify;
