//! Obligations as a file, and their way into a clearing engine.
//!
//! The file is CSV with the header `debtor,creditor,asset,amount,due,reference`: two addresses, the asset's address or
//! symbol, a decimal amount of whole tokens, Unix seconds or nothing (due when the cycle closes), and the debtor's own
//! name for it, up to 32 bytes of text or 0x and 64 hexadecimal digits. A debtor uses each reference once, so a file that
//! was loaded before is refused and nothing is owed twice.

mod file;
mod load;

pub use file::{Asset, FileError, Record, read, write};
pub use load::{Loaded, ObligationsError, asset, load, load_file};
