//! The binary `caldera`.

use std::process::ExitCode;

/// Under load the system's allocator takes a tenth of all processor time, in a process of many threads.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    // Before anything else is set up: the process that compiles a stranger's component is nothing but that.
    if args.next().is_some_and(|name| name == caldera_engine::compile::SUBCOMMAND) {
        return caldera_engine::compile::main(args);
    }
    caldera_node::cli::main()
}
