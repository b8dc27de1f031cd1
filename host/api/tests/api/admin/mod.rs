//! The admin API over real connections: who is let in, what each path answers, and what bounds it.

mod rig;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolCall as _;
use caldera_api::{
    admin::{AdminError, AdminLimits, AdminOptions, AdminServer, TOKEN_FILE, Token, TokenError},
    metrics,
};
use caldera_engine::{EngineOptions, Engines};
use caldera_execution::registry::{self, abi::IEngineRegistry};
use caldera_types::Digest;
use rig::{FakeCompiler, Rig, exchange, options};
use serde_json::{Value, json};

use crate::support::{self, CHAIN_ID, ENGINE, LOOP, REVERT, TRAP, another_component, call, key};
#[test]
fn nobody_gets_in_without_the_token() {
    let rig = Rig::new();
    let addr = rig.server.addr();
    let (status, _, body) = exchange(addr, "GET", "/health", &[], b"");
    assert_eq!((status, body.as_str()), (200, r#"{"alarms":{},"halted":[],"status":"live"}"#));
    let other = "0".repeat(64);
    let short = &rig.token[..63];
    let wrong = [
        vec![],
        vec!["Authorization: Bearer ".to_owned()],
        vec![format!("Authorization: Bearer {other}")],
        vec![format!("Authorization: Bearer {short}")],
        vec![format!("Authorization: Bearer {}0", rig.token)],
        vec![format!("Authorization: Basic {}", rig.token)],
        vec![format!("Authorization: {}", rig.token)],
        vec![rig.bearer(), format!("Authorization: Bearer {other}")],
        vec![format!("X-Token: {}", rig.token)],
    ];
    let paths =
        ["/metrics", "/v1/chains", "/v1/chains/finance", "/v1/chains/finance/engines", "/nowhere", "/health/", "/"];
    for headers in &wrong {
        for path in paths {
            let headers: Vec<_> = headers.iter().map(String::as_str).collect();
            let (status, head, body) = exchange(addr, "GET", path, &headers, b"");
            assert_eq!(status, 401, "{path} {headers:?}: {body}");
            assert!(head.contains("www-authenticate: bearer"), "{head}");
            assert!(body.contains("\"unauthorized\"") && !body.contains(short), "{body}");
        }
    }
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let header = format!("Authorization: {scheme} {}", rig.token);
        assert_eq!(exchange(addr, "GET", "/v1/chains", &[&header], b"").0, 200, "{scheme}");
    }
}

#[test]
fn it_listens_to_this_machine_alone_unless_told_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let serve = |options| {
        let engines = Engines::new(EngineOptions { instances: 1 }).unwrap();
        let compiler = Arc::new(FakeCompiler { engines, ready: Mutex::default(), slow: Duration::ZERO });
        AdminServer::serve(options, Vec::new(), compiler, Arc::default())
    };
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let options =
            AdminOptions { listen: listen.parse().unwrap(), ..options(dir.path(), AdminLimits::recommended()) };
        let error = serve(options).unwrap_err();
        assert!(matches!(error, AdminError::Remote(_)), "{error}");
        assert!(error.to_string().contains("allow-remote = true"), "{error}");
        assert!(!dir.path().join(TOKEN_FILE).exists(), "refused before anything is made");
    }
    let remote = AdminOptions {
        listen: "0.0.0.0:0".parse().unwrap(),
        allow_remote: true,
        ..options(dir.path(), AdminLimits::recommended())
    };
    let port = serve(remote).unwrap().addr().port();
    assert_ne!(port, 0);

    let file = dir.path().join(TOKEN_FILE);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = serve(options(dir.path(), AdminLimits::recommended())).unwrap_err();
    assert!(matches!(error, AdminError::Token(TokenError::Exposed { .. })), "{error}");
    assert!(error.to_string().contains("0644") && error.to_string().contains(file.to_str().unwrap()), "{error}");
    assert!(Token::read(&file).is_err());
}

#[test]
fn unknown_paths_methods_and_parameters_are_named() {
    let rig = Rig::new();
    let digest = Digest::of(b"unknown");
    let road = format!("/v1/chains/finance/engines/{digest}");
    for (method, path, status, code, part) in [
        ("GET", "/nowhere", 404, "not-found", "/nowhere"),
        ("GET", "/v1/chains/casino", 404, "not-found", "it has: finance"),
        ("POST", "/v1/chains", 405, "method", "POST"),
        ("DELETE", "/v1/chains/finance/engines", 405, "method", "DELETE"),
        ("GET", "/v1/chains/finance/engines/0x12", 400, "bad-request", "64 hexadecimal digits"),
        ("GET", &road, 404, "not-found", "is not staged on 'finance'"),
        ("GET", &format!("{road}/ready"), 404, "not-found", "is not staged"),
        ("POST", &format!("{road}/prepare"), 404, "not-found", "is not staged"),
        ("GET", "/v1/chains/finance/shadows/0x12", 400, "bad-request", "is no address"),
        ("GET", &format!("/v1/chains/finance/shadows/{ENGINE}"), 404, "not-found", "no shadow run"),
        ("POST", "/v1/chains/finance/check?grants=files", 400, "bad-request", "'files' is no interface"),
        ("POST", "/v1/chains/finance/check?colour=red", 400, "bad-request", "colour"),
        ("POST", "/v1/chains/finance/check?memoryPages=100000", 422, "rejected", "memory-pages"),
        ("POST", "/v1/chains/casino/check", 404, "not-found", "casino"),
    ] {
        let message = rig.refused(method, path, b"", status, code);
        assert!(message.contains(part), "{method} {path}: {message}");
    }
    assert_eq!(rig.get("/v1/chains")["chains"][0]["name"], "finance", "the server goes on");
}

#[test]
fn chains_are_shown_as_they_are() {
    let rig = Rig::new();
    rig.mine();
    let chain = rig.get("/v1/chains/finance");
    assert_eq!((&chain["chainId"], &chain["head"], &chain["halted"]), (&json!(CHAIN_ID), &json!(1), &Value::Null));
    assert_eq!(chain["hash"], rig.chain.head().block.hash().to_string());
    assert_eq!(rig.get("/v1/chains")["chains"][0], chain);
}

#[test]
fn a_component_is_checked_as_a_chain_would() {
    let rig = Rig::new();
    let component = another_component();
    let (status, checked) = rig.ask("POST", "/v1/chains/finance/check", component.bytes());
    assert_eq!(status, 200, "{checked}");
    assert_eq!(checked["digest"], component.digest().to_string());
    assert_eq!(checked["hooks"], json!(["begin-block"]));
    assert!(checked["instanceGas"][0].as_u64() > checked["instanceGas"][1].as_u64(), "{checked}");
    let reject = |query: &str, body: &[u8], part: &str| {
        let message = rig.refused("POST", &format!("/v1/chains/finance/check{query}"), body, 422, "rejected");
        assert!(message.contains(part), "{message}");
    };
    reject("", b"not wasm at all", "not a component");
    reject("", b"\0asm\x01\0\0\0", "core module");
    reject("?grants=state", component.bytes(), "which its mount does not grant");
    reject("?memoryPages=1", component.bytes(), "initial memory pages");
    let long = vec![0; caldera_types::limits::MAX_COMPONENT_BYTES + 1];
    rig.refused("POST", "/v1/chains/finance/check", &long, 413, "too-long");
    assert_eq!(rig.chain.registry().unwrap().staged.len(), 1, "a check stages nothing");
}

#[test]
fn the_road_of_a_component_is_told_step_by_step() {
    let rig = Rig::new();
    let component = another_component();
    let digest = component.digest();
    rig.stage(component, 0);
    let path = format!("/v1/chains/finance/engines/{digest}");
    let road = rig.get(&path);
    assert_eq!(
        (&road["stagedAt"], &road["ready"], &road["compile"]["state"]),
        (&json!(1), &json!(false), &json!("absent"))
    );
    let message = rig.refused("GET", &format!("{path}/ready"), b"", 409, "not-ready");
    assert!(message.contains(&digest.to_string()), "{message}");

    let (status, prepared) = rig.ask("POST", &format!("{path}/prepare"), b"");
    assert_eq!(status, 200, "{prepared}");
    let ready = json!({ "state": "ready", "millis": 7, "fromCache": true, "bytes": 9 });
    assert_eq!(prepared["compile"], ready);
    assert_eq!(rig.get(&format!("{path}/ready"))["digest"], digest.to_string());
    assert_eq!(rig.get(&path)["ready"], true);

    let rule = IEngineRegistry::ProbationRule { blocks: 100, window: 0, minCalls: 5, faultsPerThousand: 200 };
    let arm =
        IEngineRegistry::armCall { mount: ENGINE, digest: digest.0, height: 4, config: Bytes::new(), probation: rule };
    rig.chain.submit(support::sign(call(1, registry::ADDRESS, arm.abi_encode()), &key(1)), Vec::new()).unwrap();
    rig.mine();
    let armed = &rig.get(&path)["armed"][0];
    assert_eq!((&armed["height"], &armed["probation"]["blocks"]), (&json!(4), &json!(100)));
    let engines = rig.get("/v1/chains/finance/engines");
    assert_eq!(engines["mounts"][0]["armed"]["digest"], digest.to_string());
    assert_eq!(engines["mounts"][0]["phase"]["name"], "active");
    rig.mine();
    rig.mine();
    let mounted = &rig.get(&path)["mounted"][0];
    assert_eq!(mounted["mount"].as_str().unwrap().parse::<Address>().unwrap(), ENGINE);
    assert_eq!((&mounted["phase"]["name"], &mounted["phase"]["until"]), (&json!("probation"), &json!(104)));
    assert_eq!(rig.get("/v1/chains/finance/engines")["mounts"][0]["generation"], 2);
}

#[test]
fn shadow_runs_are_started_shown_and_stopped() {
    let rig = Rig::new();
    let path = format!("/v1/chains/finance/shadows/{ENGINE}");
    let put = |body: Value| rig.ask("PUT", &path, body.to_string().as_bytes());
    let component = another_component();
    for (body, part) in [
        (json!({}), "either digest or component"),
        (json!({ "digest": component.digest(), "component": component.bytes() }), "either digest or component"),
        (json!({ "digest": component.digest(), "sharePercent": 0 }), "sharePercent is 1 to 100"),
        (json!({ "digest": component.digest(), "shore": 1 }), "unknown field `shore`"),
    ] {
        let message = rig.refused("PUT", &path, body.to_string().as_bytes(), 400, "bad-request");
        assert!(message.contains(part), "{message}");
    }
    rig.refused("PUT", &path, json!({ "digest": component.digest() }).to_string().as_bytes(), 404, "not-found");
    let elsewhere = format!("/v1/chains/finance/shadows/{}", Address::repeat_byte(9));
    let body = json!({ "component": component.bytes(), "sharePercent": 20 });
    rig.refused("PUT", &elsewhere, body.to_string().as_bytes(), 404, "not-found");

    let (status, report) = put(body.clone());
    assert_eq!(
        (status, &report["state"], &report["detail"]["share"]),
        (200, &json!("running"), &json!(20)),
        "{report}"
    );
    rig.refused("PUT", &path, body.to_string().as_bytes(), 409, "conflict");
    assert_eq!(rig.get("/v1/chains/finance/shadows").as_array().unwrap().len(), 1);
    assert_eq!(rig.get(&path)["divergences"], json!({ "fuel": 2, "result": 1 }));
    assert_eq!(rig.ask("DELETE", &path, b"").1["state"], "stopped");
    rig.refused("DELETE", &path, b"", 404, "not-found");
    rig.stage(component.clone(), 0);
    assert_eq!(put(json!({ "digest": component.digest() })).0, 200);
    let road = rig.get(&format!("/v1/chains/finance/engines/{}", component.digest()));
    assert_eq!(road["shadows"][0]["divergences"], 3);
}

#[test]
fn work_connections_and_time_are_bounded() {
    let limits = AdminLimits { threads: 1, time: Duration::from_millis(700), ..AdminLimits::recommended() };
    let rig = Rig::with(limits, Duration::from_millis(1_500));
    let component = another_component();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| rig.refused("POST", "/v1/chains/finance/check", component.bytes(), 504, "slow"));
        std::thread::sleep(Duration::from_millis(200));
        rig.refused("GET", "/v1/chains/finance/engines", b"", 503, "busy");
        assert_eq!(rig.get("/v1/chains")["chains"][0]["head"], 0, "what needs no thread is answered");
        slow.join().unwrap();
    });
    // The work that nobody waits for any more still holds its place, and then gives it back.
    rig.refused("GET", "/v1/chains/finance/engines", b"", 503, "busy");
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(rig.get("/v1/chains/finance/engines")["head"], 0);
    // A body that never comes is given up.
    let mut socket = TcpStream::connect(rig.server.addr()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(
        socket,
        "POST /v1/chains/finance/check HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n{}\r\n\r\n",
        rig.bearer()
    )
    .unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 504");
}

#[test]
fn every_documented_metric_is_there_and_parses() {
    let rig = Rig::new();
    let candidate = another_component();
    let shadow = json!({ "component": candidate.bytes() });
    rig.ask("PUT", &format!("/v1/chains/finance/shadows/{ENGINE}"), shadow.to_string().as_bytes());
    let _producer = rig.chain.start().unwrap();
    for (nonce, input) in [vec![9], vec![REVERT], vec![TRAP], vec![LOOP]].into_iter().enumerate() {
        let tx = call(nonce as u64, ENGINE, input);
        rig.chain.submit(support::sign(tx, &key(1)), Vec::new()).unwrap();
    }
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while rig.chain.next_nonce(key(1).address()).unwrap() < 4 || rig.chain.pool_status().pending > 0 {
        assert!(std::time::Instant::now() < deadline, "the blocks come");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(200));
    let (status, head, page) = exchange(rig.server.addr(), "GET", "/metrics", &[&rig.bearer()], b"");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    let parsed =
        openmetrics_parser::openmetrics::parse_openmetrics(&page).unwrap_or_else(|error| panic!("{error}\n{page}"));
    let families: Vec<_> = parsed.families.keys().cloned().collect();
    for name in metrics::NAMES {
        let family = name.strip_suffix("_total").unwrap_or(name);
        assert!(families.iter().any(|known| known == family || known == name), "{name} is missing: {families:?}");
    }
    assert_eq!(families.len(), metrics::NAMES.len(), "every family is documented: {families:?}");
    let value = |line: &str| -> f64 {
        let found = page.lines().find_map(|text| text.strip_prefix(line)?.trim().parse().ok());
        found.unwrap_or_else(|| panic!("no '{line}' in\n{page}"))
    };
    let mount = format!("chain=\"finance\",engine=\"{ENGINE}\"");
    let block = format!("{mount},purpose=\"block\"");
    let link = "origin=\"finance\",destination=\"arena\"";
    assert_eq!(value(&format!("caldera_weave_refusals_total{{{link},error=\"NoRule\"}}")), 1.0);
    assert_eq!(value(&format!("caldera_weave_units_carried_total{{{link}}}")), 0.0);
    for fault in ["unreachable", "out-of-fuel"] {
        assert_eq!(value(&format!("caldera_engine_faults_total{{{block},fault=\"{fault}\"}}")), 1.0);
    }
    assert_eq!(value(&format!("caldera_engine_reverts_total{{{block}}}")), 1.0);
    let calls = value(&format!("caldera_engine_call_seconds_count{{{block}}}"));
    let hooks = value("caldera_chain_height{chain=\"finance\"}");
    assert!(calls >= 4.0 + hooks.min(3.0), "calls and begin-block hooks: {calls}, height {hooks}");
    assert!(value(&format!("caldera_engine_memory_peak_bytes{{{block}}}")) >= 65_536.0);
    assert_eq!(value(&format!("caldera_engine_swap_phase{{{mount},phase=\"active\"}}")), 1.0);
    assert_eq!(value(&format!("caldera_engine_swap_phase{{{mount},phase=\"frozen\"}}")), 0.0);
    assert!(value("caldera_chain_block_build_seconds_count{chain=\"finance\"}") > 0.0);
    let run = format!("{mount},candidate=\"{}\"", candidate.digest());
    assert_eq!(value(&format!("caldera_shadow_divergences_total{{{run},kind=\"fuel\"}}")), 2.0);
    assert_eq!(value("caldera_compile_cache_lookups_total{outcome=\"rejected\"}"), 1.0);
    assert_eq!(value("caldera_compile_components_total{outcome=\"refused\"}"), 1.0);
    assert_eq!(value("caldera_compile_seconds_sum"), 0.25);
    assert_eq!(value("caldera_compile_seconds_bucket{le=\"0.03\"}"), 3.0);
    assert_eq!(value("caldera_compile_seconds_count"), 4.0);
    assert!(page.contains("caldera_engine_info{") && page.ends_with("# EOF\n"));
}
