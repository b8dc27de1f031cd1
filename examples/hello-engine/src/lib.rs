//! The smallest useful engine, explained line by line.
