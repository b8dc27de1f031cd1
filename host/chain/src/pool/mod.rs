//! Transactions that wait for a block.
//!
//! Each sender's are in order of nonce. What can run now is offered by fee; what has a gap before it waits. The pool
//! decides nothing of consensus: execution checks everything again. It is private to the node: nothing gossips.
//!
//! Invariants:
//! - No operation costs more than the logarithm of what waits, apart from listing it ([`Pool::content`]).
//! - What one client sends cannot grow it over its [`PoolLimits`], nor push out what pays more.
//! - A transaction that was acknowledged is in the journal until a block has it, or the pool gave it up.

mod account;
mod candidates;
pub(crate) mod displaced;
mod heads;
pub(crate) mod journal;
mod limits;
mod price;
mod tails;
mod transaction;
mod waiting;

pub use candidates::Candidates;
pub use limits::{PoolLimits, PoolOptions};
pub use transaction::PooledTx;
pub use waiting::{Pool, PoolContent, PoolStatus};

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
