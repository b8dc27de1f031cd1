//! `caldera engine` against a real node: each command, and who may use the admin API.

mod support;

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::Value;
use support::{Dev, caldera, plugins, run};

/// Runs an engine command against a chain of a node, with what names both.
fn engine(node: &Dev, args: &[&str]) -> (i32, String, String) {
    let finance = node.chain_url("finance");
    run(&[&["--json", "engine"], args, &["--rpc", &finance]].concat())
}

/// The same; it must succeed, and its last line is given.
fn done(node: &Dev, args: &[&str]) -> Value {
    let (code, out, err) = engine(node, args);
    assert_eq!(code, 0, "{args:?}: {err}\n{out}");
    serde_json::from_str(out.lines().last().expect("a line")).expect("one object per line")
}

/// The same; it must fail with a message that has this part.
fn fails(node: &Dev, args: &[&str], part: &str) {
    let (code, out, err) = engine(node, args);
    assert_eq!(code, 1, "{args:?}: {err}");
    assert!(err.contains(part), "{args:?}: {err}");
    assert!(!out.contains("\"event\":\"armed\""), "{out}");
}

fn component(name: &str) -> String {
    plugins().join(name).to_str().expect("the path is text").to_owned()
}

#[test]
fn a_swap_by_command_from_check_to_end() {
    let node = Dev::start(None);
    let listed = done(&node, &["ls"]);
    assert_eq!((&listed["mounts"][0]["phase"], &listed["nodeError"]), (&"active".into(), &Value::Null), "{listed}");
    assert_eq!(listed["staged"][0]["here"]["ready"], true, "what is mounted is ready: {listed}");
    let first = listed["mounts"][0]["digest"].as_str().unwrap().to_owned();

    let staged = done(&node, &["stage", &component("clearing-v2.wasm")]);
    let second = staged["digest"].as_str().unwrap();
    assert_eq!(staged["compile"]["state"], "ready", "{staged}");
    assert_eq!(done(&node, &["prepare", "--digest", second])["compile"]["state"], "ready");
    let unknown = format!("0x{}", "11".repeat(32));
    fails(&node, &["prepare", "--digest", &unknown], "is not staged on 'finance'");
    fails(&node, &["arm", "--digest", &unknown, "--in", "5"], "is not staged on 'finance'");

    // The governor changes its mind.
    done(&node, &["arm", "--digest", second, "--in", "1000"]);
    let status = done(&node, &["status"]);
    assert_eq!((&status["armed"][0]["digest"], &status["swaps"]), (&second.into(), &Value::Array(vec![])));
    assert!(done(&node, &["ls"])["mounts"][0]["armed"].as_u64().unwrap() > 900);
    assert_eq!(done(&node, &["disarm"])["event"], "disarmed");
    fails(&node, &["disarm"], "");
    fails(&node, &["abort"], "no migration");

    let rule = ["--probation-blocks", "30", "--probation-min-calls", "5", "--probation-faults-per-thousand", "500"];
    let arm = [&["arm", "--digest", second, "--in", "10", "--watch"][..], &rule].concat();
    let (code, out, err) = engine(&node, &arm);
    assert_eq!(code, 0, "{err}\n{out}");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let names: Vec<_> = lines.iter().filter(|line| line["event"] == "engine-event").map(|l| l["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["activated", "final"], "{out}");
    assert_eq!((&lines[0]["event"], &lines[0]["probation"]["blocks"]), (&"armed".into(), &30.into()));
    assert!(lines.iter().any(|line| line["phase"] == "probation"), "{out}");
    assert_eq!(lines.last().unwrap()["event"], "settled");
    let mount = &done(&node, &["ls"])["mounts"][0];
    assert_eq!((&mount["digest"], &mount["stateVersion"]), (&second.into(), &2.into()));

    // A swap that fails is an error of the one who watches it.
    let (code, out, err) = engine(&node, &["arm", "--digest", &first, "--in", "5", "--watch"]);
    let failed = out.contains("activation failed");
    assert_eq!(code, if failed { 1 } else { 0 }, "{out}\n{err}");
    assert_eq!(done(&node, &["watch"])["event"], "settled", "nothing is under way");
}

#[test]
fn people_get_tables() {
    let node = Dev::start(None);
    let url = node.chain_url("arena");
    let text = |args: &[&str]| {
        let (code, out, err) = run(&[&["engine"], args, &["--rpc", &url]].concat());
        assert_eq!(code, 0, "{args:?}: {err}");
        out
    };
    let list = text(&["ls"]);
    assert!(list.contains("phase") && list.contains("active") && list.contains("ready"), "{list}");
    let staged = text(&["stage", &component("hello-engine.wasm"), "--memory-pages", "32"]);
    assert!(staged.contains("here") && staged.contains("Next: caldera engine arm --digest"), "{staged}");
    assert!(text(&["status"]).contains("Nothing is armed"));
    assert!(text(&["watch"]).contains("nothing is under way"));
}

#[test]
fn what_a_chain_would_reject_is_told_before_anything_is_sent() {
    let node = Dev::start(None);
    let file = component("clearing-v2.wasm");
    fails(&node, &["stage", &file, "--grants", "none"], "which its mount does not grant");
    fails(&node, &["stage", &file, "--memory-pages", "1"], "initial memory pages");
    fails(&node, &["stage", "/nowhere/x.wasm"], "cargo xtask plugins");
    assert_eq!(done(&node, &["status"])["events"].as_array().unwrap().len(), 0, "no transaction was sent");
}

#[test]
fn a_new_configuration_alone_goes_the_same_road() {
    let node = Dev::start(None);
    let url = node.chain_url("arena");
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config");
    fs::write(&config, b"\x01\x02").unwrap();
    for given in [["--config", config.to_str().unwrap()], ["--config-hex", "0x0103"]] {
        let (code, out, err) =
            run(&["--json", "engine", "arm", "--in", "4", "--watch", given[0], given[1], "--rpc", &url]);
        let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines[0]["event"], "armed", "{out}{err}");
        // hello-engine takes no configuration after its first, and says so; the road is the same either way.
        assert!(out.contains("activat"), "{out}");
        assert_eq!(code, if out.contains("activation failed") { 1 } else { 0 }, "{out}{err}");
    }
    let missing = dir.path().join("missing");
    let (code, _, err) = run(&["engine", "arm", "--in", "4", "--config", missing.to_str().unwrap(), "--rpc", &url]);
    assert_eq!(code, 1);
    assert!(err.contains("missing"), "{err}");
}

#[test]
fn the_token_is_the_nodes_and_nobody_elses() {
    let data = tempfile::tempdir().unwrap();
    let node = Dev::start(Some(data.path()));
    let token = data.path().join("admin-token");
    assert_eq!(node.ready["adminTokenFile"].as_str().map(Path::new), Some(token.as_path()));
    assert_eq!(fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
    let prepare = |more: &[&str]| {
        let url = node.chain_url("finance");
        let digest = format!("0x{}", "11".repeat(32));
        run(&[&["engine", "prepare", "--digest", &digest, "--rpc", &url, "--admin", node.admin()], more].concat())
    };
    let folder = data.path().to_str().unwrap();
    let reaches = |more: &[&str]| {
        let (code, _, err) = prepare(more);
        assert_eq!(code, 1);
        assert!(err.contains("is not staged"), "{more:?}: {err}");
    };
    reaches(&[]);
    reaches(&["--data", folder]);
    reaches(&["--admin-token-file", token.to_str().unwrap()]);
    let refused = |more: &[&str], part: &str| {
        let (code, _, err) = prepare(more);
        assert_eq!(code, 1);
        assert!(err.contains(part), "{more:?}: {err}");
    };
    let other = tempfile::tempdir().unwrap();
    refused(&["--data", other.path().to_str().unwrap()], "no admin token at");
    let file = other.path().join("token");
    let place = ["--admin-token-file", file.to_str().unwrap()];
    fs::write(&file, "ab".repeat(32)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    refused(&place, "no valid bearer token");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    refused(&place, "can be read by others (mode 0640");
    fs::write(&file, "no token").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    refused(&place, "holds no admin token");

    // Commands that only need the chain work without the node; the list says what it does not know.
    let url = node.chain_url("finance");
    let (code, out, _) = run(&["--json", "engine", "ls", "--rpc", &url, place[0], place[1]]);
    assert_eq!(code, 0);
    assert!(serde_json::from_str::<Value>(&out).unwrap()["nodeError"].as_str().unwrap().contains("holds no admin token"));
    let arm = ["engine", "arm", "--digest", &format!("0x{}", "11".repeat(32)), "--in", "5", "--rpc", &url, place[0], place[1]];
    assert_eq!(run(&arm).0, 1, "an arm is never sent unasked");

    // The token outlives a restart, and one that others could read stops the node by name.
    let before = fs::read(&token).unwrap();
    assert_eq!(node.signal("KILL").0.code(), None);
    let node = Dev::start(Some(data.path()));
    assert_eq!(fs::read(&token).unwrap(), before);
    assert_eq!(node.signal("TERM").0.code(), Some(0));
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let output = caldera()
        .args(["dev", "--port", "0", "--plugins"])
        .arg(plugins())
        .arg("--data")
        .arg(data.path())
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(message.contains("admin-token") && message.contains("mode 0644, needed 0600"), "{message}");
}

#[test]
fn another_nodes_admin_api_is_told_apart_by_its_chains() {
    let node = Dev::start(None);
    let other = Dev::start(None);
    drop(other);
    let url = node.chain_url("finance");
    let (code, _, err) = run(&["engine", "prepare", "--digest", &format!("0x{}", "11".repeat(32)), "--rpc", &url, "--admin", "http://127.0.0.1:9"]);
    assert_eq!(code, 1);
    assert!(err.contains("cannot reach the admin API at http://127.0.0.1:9"), "{err}");
    let (code, _, err) = run(&["engine", "prepare", "--digest", &format!("0x{}", "11".repeat(32)), "--rpc", &url, "--admin", "https://127.0.0.1:9"]);
    assert_eq!(code, 1);
    assert!(err.contains("expected http://host:port"), "{err}");
}
