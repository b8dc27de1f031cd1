//! Clearing engine, version 1: nets when the cycle closes.
//!
//! All of it is in `clearing-engine`; this crate makes the component.

use clearing_engine::{Clearing, Deferred};

/// The engine.
pub type Engine = Clearing<Deferred>;

caldera_sdk::export!(Engine);
