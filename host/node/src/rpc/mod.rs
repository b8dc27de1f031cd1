//! The node as its clients see it: JSON-RPC over HTTP and WebSocket, and transactions signed here.
//!
//! The command line and the tour know a live chain only through this module, so what they show is what any wallet would
//! see.

mod client;
mod error;
mod key;
mod sender;
mod watch;

pub use client::{Endpoint, Rpc, RpcBlock, RpcLog, RpcReceipt};
pub use error::RpcError;
pub use key::{Key, KeyError};
pub use sender::{Fees, Sender, SignedTx};
pub use watch::{Included, Watch};
