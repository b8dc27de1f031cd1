//! The trait that an author implements.

use alloy_sol_types::{SolCall, SolInterface};

use crate::{BlockEnv, BlockSummary, CallEnv, Migrated, Migration, NotPayable, Revert};

/// An engine: one chain's rules.
///
/// `Default` makes the value that each call starts with; it holds no data, only handles to storage ([`crate::storage!`]).
/// Whatever a method wrote is undone when it returns an error or panics. An error reaches the caller as revert data; a
/// panic halts the call with all its gas, so panic only for what cannot happen.
pub trait Engine: Default {
    /// The functions of the Solidity interface: the enum `XCalls` that `sol!` makes for `interface X`.
    type Calls: SolInterface;

    /// Short name, for people.
    const NAME: &'static str;
    /// Semantic version of the code: `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;
    /// Version of the layout of the stored state; raise it together with a [`Self::migrate`].
    const STATE_VERSION: u32 = 1;
    /// Solidity ABI as JSON: `include_str!` of the file that `testing::check_abi` writes.
    const ABI: &'static str;
    /// Selectors of the functions that take value, as `depositCall::SELECTOR`. To all others sending value reverts with
    /// [`NotPayable`]. `testing::check_abi` compares the list with the interface's `payable` functions.
    const PAYABLE: &'static [[u8; 4]] = &[];
    /// Whether [`Self::begin_block`] is called. False costs nothing per block.
    const BEGIN_BLOCK: bool = false;
    /// Whether [`Self::end_block`] is called. False costs nothing per block.
    const END_BLOCK: bool = false;

    /// One call. The arguments are decoded and valid, and value is zero unless the function is payable.
    /// Match on `call` and [`answer`] in each arm.
    fn call(&mut self, env: &CallEnv, call: Self::Calls) -> Result<Vec<u8>, Revert>;

    /// A call without input: a plain transfer of wei (Solidity's `receive`). Refused unless overridden.
    fn receive(&mut self, _env: &CallEnv) -> Result<(), Revert> {
        Err(NotPayable {}.into())
    }

    /// Runs once, when the engine is first mounted. An error leaves the mount inactive.
    fn init(&mut self, _config: &[u8]) -> Result<(), String> {
        Ok(())
    }

    /// Takes a new configuration while the engine stays. An error leaves everything as it was. Refused unless overridden.
    fn configure(&mut self, _config: &[u8]) -> Result<(), String> {
        Err(format!("{} takes no new configuration", Self::NAME))
    }

    /// One step from one layout of the state to another: up to [`Self::STATE_VERSION`] when this engine comes, down from it
    /// when the chain goes back to an older one, because only the newer code knows both. Each step runs before the first
    /// transaction of a block, with the activation's gas; meanwhile calls are answered read-only from the state as it was.
    /// Contracts can be asked, not called. An error or a panic in any step undoes them all and leaves the old engine in place.
    fn migrate(&mut self, step: &Migration) -> Result<Migrated, String> {
        Err(step.refuse())
    }

    /// Runs before a block's transactions if [`Self::BEGIN_BLOCK`]. An error undoes its writes; the block goes on.
    fn begin_block(&mut self, _block: &BlockEnv) -> Result<(), String> {
        Ok(())
    }

    /// Runs after a block's transactions if [`Self::END_BLOCK`]. An error undoes its writes; the block goes on.
    fn end_block(&mut self, _block: &BlockEnv, _summary: &BlockSummary) -> Result<(), String> {
        Ok(())
    }
}

/// Runs `function` with the call's arguments and encodes what it returns as the interface says: a value, `()` for a
/// function that returns nothing, a tuple for one that returns several values.
///
/// ```
/// # use caldera_sdk::prelude::*;
/// sol! { interface Adder { function add(uint64 a, uint64 b) external view returns (uint64); } }
/// fn call(call: Adder::AdderCalls) -> Result<Vec<u8>, Revert> {
///     match call {
///         Adder::AdderCalls::add(call) => answer(call, |call| Ok(call.a + call.b)),
///     }
/// }
/// ```
pub fn answer<C: SolCall, R: Into<C::Return>>(
    call: C,
    function: impl FnOnce(C) -> Result<R, Revert>,
) -> Result<Vec<u8>, Revert> {
    function(call).map(|returned| C::abi_encode_returns(&returned.into()))
}
