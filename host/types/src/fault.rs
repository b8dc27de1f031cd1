//! How an engine call can fail by the guest's fault, each by a name that users see.

use std::fmt;

/// Why an engine call was halted. A halt takes all the gas of the call and undoes its writes; it never stops a block.
///
/// The order is the stored code: add at the end, never reorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The gas of the call was used up.
    OutOfFuel,
    /// The guest executed `unreachable`: in Rust, a panic.
    Unreachable,
    /// A load, store or bulk operation outside the guest's memory.
    MemoryOutOfBounds,
    /// The guest asked for more memory than its mount allows.
    MemoryLimit,
    /// The guest's call stack overflowed.
    StackOverflow,
    /// A table was accessed out of bounds, grew over its limit, or held no or another function.
    Table,
    /// Integer division by zero or overflow, or a float that fits no integer.
    Arithmetic,
    /// An address or a word of the wrong length.
    BadLength,
    /// A storage key over its limit.
    KeyTooLong,
    /// A storage value over its limit.
    ValueTooLong,
    /// More than four topics on a log.
    TooManyTopics,
    /// Log data over its limit.
    LogTooLong,
    /// Return or revert data over its limit.
    OutputTooLong,
    /// A write, a log or a call with value inside a static call.
    StaticWrite,
    /// The guest broke the component model's rules: a pointer, a string or a list that cannot be lifted.
    BadAbi,
    /// Engines and contracts called each other too deeply.
    TooDeep,
    /// Any other trap.
    Trap,
}

/// Every fault with its name, in stored order.
const NAMES: [(Fault, &str); 17] = [
    (Fault::OutOfFuel, "out-of-fuel"),
    (Fault::Unreachable, "unreachable"),
    (Fault::MemoryOutOfBounds, "memory-out-of-bounds"),
    (Fault::MemoryLimit, "memory-limit"),
    (Fault::StackOverflow, "stack-overflow"),
    (Fault::Table, "table"),
    (Fault::Arithmetic, "arithmetic"),
    (Fault::BadLength, "bad-length"),
    (Fault::KeyTooLong, "key-too-long"),
    (Fault::ValueTooLong, "value-too-long"),
    (Fault::TooManyTopics, "too-many-topics"),
    (Fault::LogTooLong, "log-too-long"),
    (Fault::OutputTooLong, "output-too-long"),
    (Fault::StaticWrite, "static-write"),
    (Fault::BadAbi, "bad-abi"),
    (Fault::TooDeep, "too-deep"),
    (Fault::Trap, "trap"),
];

impl Fault {
    /// The name by which users, metrics and traces know it.
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// The fault of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(fault, _)| *fault)
    }

    /// Whether it speaks against an engine on probation. What a caller can bring about alone (too little gas, a static
    /// call of what writes, a deep stack) does not: else anybody could send an engine back.
    pub const fn counts_in_probation(self) -> bool {
        !matches!(self, Self::OutOfFuel | Self::StaticWrite | Self::TooDeep)
    }

    /// Every fault, in stored order.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(fault, _)| *fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_at_their_code() {
        for (code, (fault, name)) in NAMES.iter().enumerate() {
            assert_eq!(*fault as usize, code);
            assert_eq!(fault.name(), *name);
            assert_eq!(Fault::from_name(name), Some(*fault));
        }
    }
}
