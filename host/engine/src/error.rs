//! Errors of this crate, by whose fault they are: the component's ([`Rejection`]) or this node's ([`EngineError`]).
//!
//! A guest that fails while it runs is neither: that is a [`caldera_types::Fault`] in a [`crate::CallOutcome`].

use caldera_types::{Digest, Fault, Grants};

use crate::compile::CompileFailure;

/// Why a component cannot be staged. The same on every node, because each sees the same bytes with the same limits;
/// its text may stand in a receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The bytes are not a whole WebAssembly component.
    #[error("not a component: {0}; build one with wit-component from the world caldera:engine/engine@0.1.0")]
    NotAComponent(String),
    /// An import or export does not fit the world.
    #[error("does not fit the world caldera:engine/engine@0.1.0: {0}")]
    WrongWorld(String),
    /// It imports an interface that its mount does not grant.
    #[error("imports {interface}, which its mount does not grant (granted: {granted})")]
    NotGranted {
        /// The interface's full name, such as `caldera:engine/evm@0.1.0`.
        interface: String,
        /// What is granted, by name.
        granted: String,
    },
    /// Larger in some way than the chain or its mount allows.
    #[error("{what}: {is} is over the limit of {most}")]
    Limit {
        /// What was counted, with its unit.
        what: &'static str,
        /// How many there are.
        is: u64,
        /// How many there may be.
        most: u64,
    },
    /// The compiler refused it: it is invalid or uses a feature that engines do not have.
    #[error("does not compile: {0}")]
    Compile(String),
    /// `describe` faulted.
    #[error("describe faulted: {0}")]
    Describe(Fault),
    /// `describe` said something that cannot be shown.
    #[error("describe gave a bad {field}: {reason}")]
    BadDescription {
        /// Which field of the description.
        field: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// This node's own fault: the block stops, because another node may succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The component was not staged here under these grants.
    #[error("component {digest} is not ready here under the grants '{grants}': stage it before it is called")]
    Missing {
        /// Which component.
        digest: Digest,
        /// Under which grants.
        grants: Grants,
    },
    /// Its native code is neither in memory nor in the cache, and the caller cannot wait for the compiler.
    #[error("component {digest} is not compiled on this node yet")]
    NotCompiled {
        /// Which component.
        digest: Digest,
    },
    /// The same, and the last attempt to compile it failed.
    #[error("{why}")]
    Unready {
        /// Which component.
        digest: Digest,
        /// Which component, and what stopped the compiler.
        why: String,
    },
    /// The component could not be compiled here. Another attempt, or another node, may succeed.
    #[error("component {digest} was not compiled on this node: {failure}")]
    Compile {
        /// Which component.
        digest: Digest,
        /// What stopped the compiler.
        failure: CompileFailure,
    },
    /// Memory, a pool or the port failed.
    #[error("this node could not run the engine: {0}")]
    Node(String),
}

impl EngineError {
    /// The component that is only not ready here: it may be later, and nothing else is wrong with this node.
    pub fn unready(&self) -> Option<Digest> {
        match self {
            Self::Missing { digest, .. } | Self::NotCompiled { digest } => Some(*digest),
            Self::Unready { digest, .. } | Self::Compile { digest, .. } => Some(*digest),
            Self::Node(_) => None,
        }
    }
}

/// Why staging did not end with a component that is ready.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StageError {
    /// The component's fault; every node says the same.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// This node's fault.
    #[error(transparent)]
    Node(#[from] EngineError),
}
