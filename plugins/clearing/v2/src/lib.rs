//! Clearing engine, version 2: nets as obligations arrive.
//!
//! All of it is in `clearing-engine`; this crate makes the component.

use clearing_engine::{Clearing, Incremental};

/// The engine.
pub type Engine = Clearing<Incremental>;

caldera_sdk::export!(Engine);
