//! What the benches of whole nodes share: the nodes, the signed load, and the client that sends it.

#![allow(dead_code, reason = "each bench uses a part of it")]

pub mod cpu;
pub mod drive;
pub mod http;
pub mod nodes;
pub mod reads;
pub mod work;

use std::{env, io};

/// Does what this process was started for, if a bench started it; tells whether it was.
pub fn ordered() -> io::Result<bool> {
    let mut args = env::args().skip(1);
    match (args.next().as_deref(), args.next()) {
        (Some(drive::ORDER), Some(order)) => serde_json::from_str::<drive::Drive>(&order)?.run()?,
        (Some(reads::ORDER), Some(order)) => serde_json::from_str::<reads::Reads>(&order)?.run()?,
        _ => return Ok(false),
    }
    Ok(true)
}
