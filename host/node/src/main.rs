//! The binary `caldera`.

use std::process::ExitCode;

fn main() -> ExitCode {
    caldera_node::cli::main()
}
