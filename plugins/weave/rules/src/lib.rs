//! State units, certificates and committees as the weave engine sees them, and its Solidity interface.
//!
//! For guests and hosts alike: pure, and it needs alloy only. [`mod@unit`] has the one encoding of a unit, [`place`] says where a
//! unit's commitment lies in its origin's state, [`interop`] writes accounts for people and wallets, [`certificate`] reads
//! what validators sign, in the encoding of `caldera-types`, which a fixture of both pins.

pub mod abi;
pub mod certificate;
pub mod interop;
pub mod place;
pub mod unit;

pub use abi::Weave::StateUnit;

/// Most places that one local right may come from. Views look at each, so it bounds what they cost.
pub const MAX_SOURCES: usize = 16;
/// Most origins that one snapshot pins.
pub const MAX_PINNED: usize = 16;
/// Most certificates in one `submitRoots`.
pub const MAX_ROOTS: usize = 32;
/// Most validators of one committee, as in `caldera-types`.
pub const MAX_MEMBERS: usize = 128;
/// The whole, in basis points.
pub const WHOLE_BPS: u16 = 10_000;
