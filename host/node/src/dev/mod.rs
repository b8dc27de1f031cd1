//! What `caldera dev` runs: three chains for three uses, accounts that the whole world can sign for, and two test tokens.
//!
//! Nothing here may guard anything of value: the keys are published, and the tokens are minted to them.

mod accounts;
mod chains;
mod clearing;
mod ready;
mod tokens;
mod weave;

pub use accounts::{Account, MNEMONIC, accounts, governor};
pub use chains::{ALLIANCE, ARENA, CHAINS, CLEARING, DevError, FINANCE, HELLO, IMPORTED, node_spec};
pub use clearing::{LIQUIDATOR, PRICE_ACCOUNT};
pub use ready::Ready;
pub use tokens::{TOKENS, Token, artifact};
pub use weave::{LINKS, LinkError, WEAVE, link};
