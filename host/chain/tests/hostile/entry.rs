//! One hostile input.

use caldera_engine::compile::CompileLimits;

use crate::arena::Arena;

/// What comes in, how it is brought about, and what must come of it.
pub struct Entry {
    pub group: &'static str,
    pub input: String,
    /// What the error must hold.
    pub expects: &'static str,
    /// What the compiler may use, on a node of this entry's own; none on the node that its kind shares.
    pub limits: Option<CompileLimits>,
    /// Brings it about and gives the error.
    pub act: Box<dyn Fn(&mut Arena) -> String>,
}

impl Entry {
    pub fn new(
        group: &'static str,
        input: impl Into<String>,
        expects: &'static str,
        act: impl Fn(&mut Arena) -> String + 'static,
    ) -> Self {
        Self { group, input: input.into(), expects, limits: None, act: Box::new(act) }
    }
}
