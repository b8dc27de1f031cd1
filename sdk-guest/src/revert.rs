//! Reverts: how an engine refuses a call, with data that wallets and contracts can decode.

use alloy_primitives::{Address, hex};
use alloy_sol_types::SolError;

pub use sdk::Sdk::{CallFailed, MalformedCalldata, NotPayable, UnknownSelector};

#[allow(missing_docs, reason = "the names are documented where they are written, in Solidity")]
pub(crate) mod sdk {
    crate::sol! {
        /// The errors by which the SDK itself refuses. They stand in every engine's ABI.
        interface Sdk {
            /// The engine has no function with this selector.
            error UnknownSelector(bytes4 selector);
            /// The arguments are no valid ABI encoding of the function's parameters.
            error MalformedCalldata(bytes4 selector);
            /// Value was sent to a function that takes none.
            error NotPayable();
            /// A call to another contract failed without revert data of its own.
            error CallFailed(address to, string reason);
        }
    }
}

/// A refusal. Made from any error of `sol!` by `?` or `.into()`, or from a text by [`Revert::message`].
#[derive(Clone, PartialEq, Eq)]
pub struct Revert(Vec<u8>);

impl Revert {
    /// Solidity's `revert("text")`: the error `Error(string)`.
    pub fn message(text: &str) -> Self {
        alloy_sol_types::Revert::from(text).into()
    }

    /// Reverts with these bytes, as another contract did.
    pub fn from_data(data: Vec<u8>) -> Self {
        Self(data)
    }

    /// The revert data.
    pub fn data(&self) -> &[u8] {
        &self.0
    }

    /// The revert data.
    pub fn into_data(self) -> Vec<u8> {
        self.0
    }

    /// The typed error, if it is an `E`.
    pub fn error<E: SolError>(&self) -> Option<E> {
        E::abi_decode(&self.0).ok()
    }

    /// The failure of a call to `to`, as this engine's own.
    pub(crate) fn call_failed(to: Address, reason: &str) -> Self {
        CallFailed { to, reason: reason.into() }.into()
    }
}

impl<E: SolError> From<E> for Revert {
    fn from(error: E) -> Self {
        Self(error.abi_encode())
    }
}

/// For the methods that fail with a text: the message of `Error(string)`, otherwise the data in hexadecimal digits.
impl From<Revert> for String {
    fn from(revert: Revert) -> Self {
        match revert.error::<alloy_sol_types::Revert>() {
            Some(message) => message.reason,
            None => hex::encode_prefixed(revert.0),
        }
    }
}

impl core::fmt::Debug for Revert {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Revert({})", String::from(self.clone()))
    }
}

/// Refuses the call unless the condition holds: with a typed error, or with a text.
///
/// ```
/// # use caldera_sdk::prelude::*;
/// sol! { error TooLate(uint64 deadline); }
/// fn check(now: u64, deadline: u64) -> Result<(), Revert> {
///     ensure!(deadline > 0, "no deadline");
///     ensure!(now <= deadline, TooLate { deadline });
///     Ok(())
/// }
/// # assert!(check(2, 1).unwrap_err().error::<TooLate>().is_some());
/// ```
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $text:literal) => {
        if !$condition {
            return Err($crate::Revert::message($text).into());
        }
    };
    ($condition:expr, $error:expr) => {
        if !$condition {
            return Err($crate::Revert::from($error).into());
        }
    };
}
