//! Clearing engine, version 1: nets when the cycle closes.
