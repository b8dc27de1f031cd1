//! The port through which validators speak to each other.

use std::time::Duration;

use caldera_types::{Certificate, Vote};

/// What validators tell each other. Who hears it trusts none of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// One member's signature.
    Vote(Vote),
    /// A quorum's.
    Certificate(Certificate),
    /// Asks for votes and certificates from a height on.
    Ask {
        /// From where.
        height: u64,
    },
}

/// Carries messages to every other validator of a chain: late, twice, or not at all. Nothing rests on its order.
pub trait Network: Send {
    /// Sends to all others; never waits for them.
    fn broadcast(&self, message: Message);

    /// The next message, waiting for so long at most; none also if there will be none any more.
    fn receive(&self, wait: Duration) -> Option<Message>;
}
