//! Types generated from the WIT world, kept apart because the world's name gives a type `Engine` that is not wasmtime's.
//!
//! Only the types are used: host functions are wrapped by hand in [`crate::imports`] so that lists are checked where
//! they lie in the guest's memory, before anything is copied.

wasmtime::component::bindgen!({
    path: "../../wit/caldera-engine@0.1.0",
    world: "engine",
    ownership: Borrowing { duplicate_if_necessary: true },
});
