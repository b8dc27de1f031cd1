//! The bindings generated from the WIT world `verifier`, which includes the world `engine`. What an engine does not use of it is not
//! imported.
#![allow(missing_docs, clippy::all, reason = "generated; documented in the WIT")]

wit_bindgen::generate!({
    world: "caldera:verify/verifier",
    path: ["../wit/caldera-engine@0.1.0", "../wit/caldera-verify@0.1.0"],
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_engine",
    default_bindings_module: "caldera_sdk::bindings",
});
