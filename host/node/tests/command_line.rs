//! The command line without a node: exit codes, messages, `plugin check`.

mod support;

use serde_json::Value;
use support::run;

/// Exit code and a part of what is printed to standard error.
fn refuses(args: &[&str], code: i32, message: &str) {
    let (got, out, err) = run(args);
    assert_eq!(got, code, "{args:?}: {err}");
    assert!(err.contains(message), "{args:?}: {err}");
    assert!(out.is_empty(), "{args:?}: results and errors are apart: {out}");
}

#[test]
fn wrong_use_exits_with_2() {
    refuses(&["fly"], 2, "unrecognized subcommand 'fly'");
    refuses(&["dev", "--prot", "1"], 2, "--port");
    refuses(&["node", "--config", "/nowhere/caldera.toml"], 2, "cannot read the configuration /nowhere/caldera.toml");
    refuses(&["engine", "arm", "--digest", "0x12", "--in", "3"], 2, "64 hexadecimal digits");
}

#[test]
fn failures_exit_with_1_and_say_what_to_do() {
    refuses(&["plugin", "check", "/nowhere/x.wasm"], 1, "cargo xtask plugins");
    refuses(&["dev", "--port", "0", "--plugins", "/nowhere"], 1, "cargo xtask plugins");
    refuses(&["engine", "ls", "--rpc", "http://127.0.0.1:9/chains/finance"], 1, "is the node running");
}

#[test]
fn errors_are_json_when_results_are() {
    let (code, _, err) = run(&["--json", "plugin", "check", "/nowhere/x.wasm"]);
    let error: Value = serde_json::from_str(&err).unwrap();
    assert_eq!((code, error["event"].as_str()), (1, Some("error")));
    assert!(error["message"].as_str().unwrap().contains("/nowhere/x.wasm"));
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("caldera.toml");
    std::fs::write(&path, "listen = \"127.0.0.1:0\"\nblock-intervall-ms = 5\n").unwrap();
    let path = path.to_str().unwrap();
    refuses(
        &["node", "--config", path],
        2,
        "caldera.toml:2: unknown key 'block-intervall-ms'; did you mean 'block-interval-ms'?",
    );
}

#[test]
fn a_configuration_without_chains_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("caldera.toml");
    std::fs::write(&path, "listen = \"127.0.0.1:0\"\n").unwrap();
    refuses(&["node", "--config", path.to_str().unwrap()], 1, "add a [[chain]] table");
}

#[test]
fn plugins_are_checked_by_name() {
    let plugin = support::plugins().join("clearing-v1.wasm");
    let plugin = plugin.to_str().unwrap();
    let (code, out, err) = run(&["--json", "plugin", "check", plugin]);
    assert_eq!(code, 0, "{err}");
    let checked: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(checked["event"], "checked");
    assert_eq!(checked["stateVersion"], 1);
    assert_eq!(checked["digest"].as_str().unwrap().len(), 66);
    assert!(checked["bytes"].as_u64().unwrap() > 1000 && checked["abi"]["function"].as_u64().unwrap() > 10, "{out}");

    let (code, out, _) = run(&["plugin", "check", plugin]);
    assert_eq!(code, 0);
    assert!(out.contains("Fit to be staged") && out.contains("state version  1"), "{out}");

    refuses(&["plugin", "check", plugin, "--grants", "none"], 1, "which its mount does not grant");
    refuses(&["plugin", "check", plugin, "--memory-pages", "0"], 1, "initial memory pages");
}
