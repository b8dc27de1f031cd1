//! The weave engine: rights and assets of one chain take effect on another, by proof.
//!
//! The engine of a chain holds the chain's own units, believes roots of other chains that their committees certified, and
//! turns proven units into rights and balances under the rules of its governor. Nobody is trusted but a committee's quorum.
//!
//! **Invariants**, after every call:
//! - a unit's commitment is in its slot exactly as long as the unit is as its encoding says;
//! - nonces only grow, and none is given twice, so a unit that changed or went never comes back as it was;
//! - per chain and asset, what is locked here for it is what went there less what came back: never below zero;
//! - of an asset, the balances here add up to what was minted less what was burnt;
//! - a message about assets is consumed once;
//! - the wei and tokens here cover what is locked and bonded.
//!
//! **Attacks met.** A unit counted on two chains: it has one destination, which the origin keeps, and votes where it has one
//! only. A unit moved after a snapshot: it counts if it was issued before and proven after it. An old state shown as new: a
//! right never goes back in height or nonce, and a root must be near the newest that is known. A committee that certifies
//! two blocks of a height: its chain is frozen. A token that calls back or takes a fee: state is written first, and the amount
//! that came is measured. Rogue keys: every key's possession is proven.

mod assets;
mod bonds;
mod calls;
mod govern;
mod init;
mod proof;
mod rights;
mod roots;
mod store;
mod units;
mod views;
mod votes;

#[cfg(test)]
mod tests;

pub use calls::Weave;

/// The Solidity ABI. Written and checked by the test `abi`.
pub const ABI: &str = include_str!("../abi.json");
