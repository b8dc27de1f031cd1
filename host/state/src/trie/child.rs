//! A child of a branch while the branch is updated.

use super::{node::Node, sealed::Held};

/// A child of a branch under work.
#[derive(Clone, Debug, Default)]
pub(super) enum Child {
    #[default]
    None,
    /// As it is stored.
    Stored(Held),
    /// A branch that was sealed here and is not stored yet.
    Branch(Held),
    /// Made or taken apart here.
    Open(Node),
}

impl Child {
    /// The same after `by` nodes were put before those that are being made.
    pub fn behind(self, by: usize) -> Self {
        match self {
            Self::Branch(Held { rlp, at }) => Self::Branch(Held { rlp, at: at.behind(by) }),
            Self::Open(Node { node, mut below }) => {
                below.iter_mut().for_each(|at| *at = at.behind(by));
                Self::Open(Node { node, below })
            }
            Self::None | Self::Stored(_) => self,
        }
    }
}

/// The sixteen of a branch.
pub(super) type Children = [Child; 16];
