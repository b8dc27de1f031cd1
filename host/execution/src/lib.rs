//! The rules, as one pure function: revm with engines mounted, the registry, activation, fees and receipts.
