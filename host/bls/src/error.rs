//! Why bytes are no key and no signature. Always the fault of whoever sent them.

use blst::BLST_ERROR;

/// Bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlsError {
    /// Too few or too many.
    #[error("a {what} has {want} bytes, not {got}")]
    Length {
        /// What was to be read.
        what: &'static str,
        /// Its length, in bytes.
        want: usize,
        /// What came, in bytes.
        got: usize,
    },
    /// Not the compressed form of a point of the curve.
    #[error("the {0} is no point of the curve in compressed form")]
    NotAPoint(&'static str),
    /// On the curve but outside the group that is secure.
    #[error("the {0} lies outside the prime-order subgroup")]
    WrongSubgroup(&'static str),
    /// The neutral element, which would sign for nobody or for anything.
    #[error("the {0} is the point at infinity")]
    Infinity(&'static str),
    /// Zero, or not below the group's order.
    #[error("the secret key is zero or not below the order of the group")]
    Secret,
    /// An aggregate of nothing.
    #[error("there is nothing to aggregate")]
    Nothing,
}

impl BlsError {
    /// What the library found wrong with a `what`.
    pub(crate) fn of(what: &'static str, error: BLST_ERROR) -> Self {
        match error {
            BLST_ERROR::BLST_POINT_NOT_IN_GROUP => Self::WrongSubgroup(what),
            BLST_ERROR::BLST_PK_IS_INFINITY => Self::Infinity(what),
            _ => Self::NotAPoint(what),
        }
    }
}
