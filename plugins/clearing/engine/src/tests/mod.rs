//! The engine on the native test chain, with both books and with tokens whose balances are checked to the last unit.

mod abi_file;
mod defaults;
mod differential;
mod lifecycle;
mod margin_calls;
mod recorded;
mod refusals;
mod token;
mod world;

use world::{World, both};
