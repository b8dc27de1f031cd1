//! Carries units from chain to chain: what one chain's weave engine issued takes effect on another, and what it revoked ends.
//!
//! A [`Link`] is one direction, from an origin to a destination. It reads certified blocks of the origin and sends the destination
//! transactions that prove what is in them. It is trusted with nothing: what it sends is checked inside execution, and anybody
//! else may send the same. It knows chains by the ports [`Origin`] and [`Destination`] only, and time by what it is told.
//!
//! Invariants:
//! - The destination's state alone says what took effect. The link's file says how far it has read and what is still open, in one
//!   atomic write, so whoever dies anywhere loses nothing; what is sent twice takes effect once.
//! - Memory is bounded: while [`MAX_OPEN`] units are open nothing more is read.

mod counts;
mod cursor;
mod errand;
mod link;
mod port;
mod refusal;

pub use counts::{Counts, LinkCounts};
pub use cursor::CursorError;
pub use link::{Link, LinkError, LinkOptions, MAX_OPEN};
pub use port::{Answer, Destination, Origin, PortError, Sent};
pub use refusal::{Refusal, refusal};
