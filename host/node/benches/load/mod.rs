//! What the benches of whole nodes share: the nodes, the signed load, and the client that sends it.

#![allow(dead_code, reason = "each bench uses a part of it")]

pub mod cpu;
pub mod drive;
pub mod http;
pub mod nodes;
pub mod reads;
pub mod work;
