//! The bindings generated from the WIT world `engine`.
#![allow(missing_docs, clippy::all, reason = "generated; documented in the WIT")]

wit_bindgen::generate!({
    world: "engine",
    path: "../wit/caldera-engine@0.1.0",
    pub_export_macro: true,
    export_macro_name: "export_engine",
    default_bindings_module: "caldera_sdk::bindings",
});
