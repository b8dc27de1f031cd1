//! Clearing engine, version 2: nets as obligations arrive.
