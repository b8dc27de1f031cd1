//! `cargo xtask test`: everything that must hold before a change goes in, cheapest first. It stops at the first failure and
//! prints every step with its time at the end. On a build server (`CI=true`) nothing may be skipped.

use crate::{
    clients,
    error::{Error, Result},
    guest_target, node, plugins,
    process::{Tool, on_path},
    report::{Steps, disk_use, size},
    tidy,
    workspace::Workspace,
};

type Step = (&'static str, fn(&Workspace) -> Result<String>);

const STEPS: [Step; 10] = [
    ("format", format),
    ("tidy", tidy::check),
    ("guest target", |workspace| guest_target::ensure(workspace).map(|_| String::new())),
    ("plugins", plugins::build),
    ("clippy", clippy),
    ("unit and integration tests", tests),
    ("documentation tests", doc_tests),
    ("documentation", documentation),
    ("node", |workspace| node::build(workspace).map(|()| String::new())),
    ("client tests", clients::test),
];

/// Runs all steps.
pub fn run(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::new(STEPS.len());
    let result = STEPS.iter().try_for_each(|(name, work)| steps.step(name, || work(workspace)));
    eprintln!("\n{}", steps.table());
    eprintln!("{} takes {} of disk", workspace.target.display(), size(disk_use(&workspace.target)));
    result
}

/// Whether this is a build server, where a skipped check is a failed one.
pub fn on_build_server() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

fn cargo(workspace: &Workspace, args: &[&str]) -> Tool {
    Tool::cargo()
        .args(args)
        .env("CALDERA_PLUGINS", workspace.plugins())
        .env("CALDERA_BIN", workspace.node_binary())
        .dir(&workspace.root)
}

fn format(workspace: &Workspace) -> Result<String> {
    cargo(workspace, &["fmt", "--all", "--check"]).run().map(|()| String::new())
}

fn clippy(workspace: &Workspace) -> Result<String> {
    let args = ["clippy", "--release", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    cargo(workspace, &args).run().map(|()| String::new())
}

fn tests(workspace: &Workspace) -> Result<String> {
    if on_path("cargo-nextest") {
        let args = ["nextest", "run", "--release", "--workspace", "--no-fail-fast"];
        return cargo(workspace, &args).run().map(|()| "by cargo nextest".into());
    }
    eprintln!(
        "cargo-nextest is not installed, so the tests run by `cargo test`: the same tests, one program after another"
    );
    let args = ["test", "--release", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"];
    cargo(workspace, &args).run().map(|()| "by cargo test".into())
}

fn doc_tests(workspace: &Workspace) -> Result<String> {
    cargo(workspace, &["test", "--release", "--workspace", "--doc"]).run().map(|()| String::new())
}

fn documentation(workspace: &Workspace) -> Result<String> {
    cargo(workspace, &["doc", "--release", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "--deny warnings")
        .run()
        .map(|()| String::new())
}

/// A step that could not be done on this machine: said loudly, and a failure on a build server.
pub fn skipped(what: &str, why: &Error) -> Result<String> {
    let notice = format!("{what} NOT RUN: {why}");
    if on_build_server() {
        return Err(Error::Usage(notice));
    }
    eprintln!("\n!!! {notice}\n");
    Ok("NOT RUN".into())
}
