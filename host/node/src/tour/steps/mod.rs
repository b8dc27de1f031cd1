//! The steps of the tour, one module each, in the order in which they are told.

mod crash;
mod first;
mod live;
mod onboard;
mod replay;
mod strangers;
mod swap;
mod waterfall;

pub use crash::crash;
pub use first::{load_first, net_first};
pub use live::live;
pub use onboard::onboard;
pub use replay::replay;
pub use strangers::strangers;
pub use swap::swap;
