//! What clients and operators talk to: Ethereum JSON-RPC per chain; admin API and metrics on a port of their own.
//!
//! [`ApiServer::serve`] listens on one port: `/chains/<name>` is a chain, `/` the first one. Methods have the shapes of
//! the [execution-apis](https://github.com/ethereum/execution-apis), so that wallets, ethers and viem need nothing of
//! ours; what is particular to this node is under `caldera_`.
//!
//! Invariants:
//! - Nothing that a client sends or leaves undone can panic or stall the node: bodies, batches, connections, calls in flight,
//!   subscriptions, filters, answers, traces and gas are bounded by [`ApiLimits`], and who does not read is dropped.
//! - What reads a disk or runs code does so on threads of this server's own runtime, never on the node's.
//! - The API only reads and submits; it decides nothing. There are no keys here but the admin API's own token, and the
//!   published ones of development chains.
//!
//! [`admin`] is for operators, on a port of its own behind a token; [`metrics`] is what it shows to a scraper.
//!
//! Blocks are final when they are sealed, so the tags `latest` and `pending` mean the head; only `eth_getTransactionCount` knows
//! more of `pending`: it counts the pool. `safe` and `finalized` are the newest block that the chain's validators certified, and the
//! head where there are none.

pub mod admin;
mod args;
mod caldera;
mod calls;
mod certificates;
mod context;
mod convert;
mod debug;
mod dev;
mod errors;
mod eth;
mod ids;
mod in_flight;
mod intake;
mod leader;
mod limits;
mod listen;
mod logged;
mod methods;
pub mod metrics;
mod module;
mod node;
mod routes;
mod sends;
mod server;
mod slot;
mod slow;
mod txpool;
mod units;
mod unsubscribed;

pub use leader::{Beside, Leader};
pub use limits::ApiLimits;
pub use server::{ApiError, ApiHandle, ApiServer};
