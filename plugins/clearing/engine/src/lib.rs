//! The clearing engine without its book: what all versions of it share.
//!
//! Participants post margin and owe each other; a cycle collects the obligations, and when it closes each participant pays
//! or receives its net alone. The rules are in [`clearing_rules`]; here they meet storage and tokens. A version is a
//! [`Book`]: how obligations are kept and when they are netted. `Clearing<Deferred>` is version 1,
//! `Clearing<Incremental>` version 2.
//!
//! **Invariants**, after every call:
//! - the engine's balance of the settlement asset is all margins in it + the default fund + what the closing cycle has
//!   collected and not paid; its balance of the collateral asset is all margins in it + unclaimed purchases;
//! - a cycle's net positions sum to zero, and what it pays out is what it collected and covered;
//! - while a cycle closes no margin leaves, and its price, its participants and its deadlines are those of its closing block.
//!
//! **Attacks met.** A token that calls back: every function that writes is locked while a settlement step runs, and the
//! others write before they call. Starving a token call of gas to make an honest debtor default: see the module `step`.
//! Choosing the moment of a price update to shift a sale: the closing block's price holds for the whole cycle. Reusing a
//! reference: refused per debtor, so nobody can occupy another's.
//!
//! **Not supported**: tokens that take a fee, rebase, or answer nothing.

mod book;
mod calls;
mod closing;
mod collect;
mod default;
mod init;
mod margin;
mod pay;
mod roles;
mod step;
mod store;
mod submit;
mod token;
mod views;

#[cfg(test)]
mod tests;

pub use book::{Book, Deferred, Entry, Incremental};
pub use calls::Clearing;
pub use step::Budget;
pub use store::{Position, Store};

/// The Solidity ABI, the same for all versions. Written and checked by the test `abi`.
pub const ABI: &str = include_str!("../abi.json");

/// The bounds on amounts make overflow unreachable (see [`clearing_rules::MAX_AMOUNT`]); should a mistake reach it, the
/// call is refused.
fn overflow(error: clearing_rules::Overflow) -> caldera_sdk::Revert {
    caldera_sdk::Revert::message(&format!("clearing: {error}"))
}
