//! Obligations as a file, and their way into a clearing engine.
//!
//! The file is CSV with the header `debtor,creditor,asset,amount,due,reference`, as `plugins/clearing/README.md` says:
//! two addresses, the asset's address (or its symbol), a whole number in its smallest unit, Unix seconds (0 or nothing: due
//! when the cycle closes), and the debtor's own name for it, 32 bytes in hexadecimal digits (or up to 32 bytes of text).
//! A debtor uses each reference once, so a file that was loaded before is refused and nothing is owed twice.

mod file;
mod load;

pub use file::{Asset, FileError, Record, read, write};
pub use load::{Loaded, ObligationsError, asset, load, load_file};
