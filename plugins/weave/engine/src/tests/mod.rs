//! Tests of the engine on chains in memory.

mod abi_file;
mod assets;
mod bonds;
mod crossing;
mod rights;
mod roots;
mod votes;
mod world;
