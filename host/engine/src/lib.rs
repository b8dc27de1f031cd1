//! Runs engines: WebAssembly components, metered and sandboxed, that reach the chain only through the EngineHost port.
