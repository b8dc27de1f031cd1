//! The port to the node: plain functions, the same on both targets, with typed words in place of byte lists.
//!
//! On `wasm32` they are WIT imports; natively they act on this thread's [`crate::testing::TestHost`]. Only what an
//! engine uses is linked, so an unused interface is not imported.

#[cfg(target_arch = "wasm32")]
mod wasm;
#[cfg(target_arch = "wasm32")]
pub(crate) use wasm::*;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::port::*;
