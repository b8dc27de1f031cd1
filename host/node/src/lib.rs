//! The node and its command line: configuration, wiring, event loop; the binary is caldera.
