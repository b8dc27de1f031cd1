//! Weave engine, version 1.
//!
//! All of it is in `weave-engine`; this crate makes the component.

/// The engine.
pub type Engine = weave_engine::Weave;

caldera_sdk::export!(Engine);
