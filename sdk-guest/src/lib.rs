//! What a plugin author imports: bindings, ABI dispatch, typed storage, typed calls and a native test host.
