//! The server itself: paths, limits, and a graceful end.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use alloy_primitives::U64;
use caldera_api::{ApiError, ApiLimits, ApiServer};
use jsonrpsee_core::{client::ClientT, params::BatchRequestBuilder};
use jsonrpsee_ws_client::WsClientBuilder;
use serde_json::{Value, json};

use crate::support::{CHAIN_ID, Rig, chain, client, key, positional};

/// A request as a browser or curl makes it; status line and headers, and the body.
fn plain(addr: SocketAddr, request: &str) -> (String, String) {
    let mut socket = TcpStream::connect(addr).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(socket, "{request}\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

/// The answer to a body of JSON, as bytes came.
fn posted(addr: SocketAddr, body: &str) -> (String, String) {
    let length = body.len();
    let mut socket = TcpStream::connect(addr).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\ncontent-type: application/json";
    write!(socket, "{head}\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

#[tokio::test]
async fn each_chain_has_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let chains: Vec<_> =
        [("finance", CHAIN_ID), ("arena", 4202)].map(|(name, id)| chain(name, id, &dir, &[key(1).address()])).into();
    let server = ApiServer::serve(([127, 0, 0, 1], 0).into(), chains.clone(), ApiLimits::recommended()).unwrap();
    for (path, id) in
        [("", 4201), ("/", 4201), ("/chains/finance", 4201), ("/chains/arena", 4202), ("/chains/arena/", 4202)]
    {
        let answer: U64 = client(&server, path).request("eth_chainId", positional(json!([]))).await.unwrap();
        assert_eq!(answer, U64::from(id), "{path}");
        let version: String = client(&server, path).request("net_version", positional(json!([]))).await.unwrap();
        assert_eq!(version, id.to_string());
    }
    let socket = WsClientBuilder::default().build(format!("ws://{}/chains/arena", server.addr())).await.unwrap();
    assert_eq!(socket.request::<U64, _>("eth_chainId", positional(json!([]))).await.unwrap(), U64::from(4202));

    let (head, body) = plain(server.addr(), "GET / HTTP/1.1");
    assert!(head.starts_with("http/1.1 200") && head.contains("content-type: application/json"), "{head}");
    let index: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(index["chains"][1], json!({ "name": "arena", "chainId": "0x106a", "path": "/chains/arena" }));
    let (head, body) = plain(server.addr(), "POST /chains/casino HTTP/1.1");
    assert!(head.starts_with("http/1.1 404"), "{head}");
    assert!(body.contains("/chains/arena, /chains/finance"), "{body}");
    let (head, _) = plain(server.addr(), "OPTIONS /chains/arena HTTP/1.1");
    assert!(head.starts_with("http/1.1 204") && head.contains("access-control-allow-origin: *"), "{head}");
    assert!(head.contains("access-control-allow-headers: content-type"), "{head}");
    let (head, _) = posted(server.addr(), r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#);
    assert!(head.starts_with("http/1.1 200") && head.contains("access-control-allow-origin: *"), "{head}");
    let (head, _) = plain(server.addr(), "PUT / HTTP/1.1");
    assert!(head.starts_with("http/1.1 405"), "{head}");
}

/// JSON-RPC 2.0, sections 4.1, 5.1 and 6.
#[tokio::test]
async fn requests_of_every_form_are_answered() {
    let rig = Rig::new();
    let id = format!("{CHAIN_ID:#x}");
    let check = |request: &Value, answer: Value| {
        let (_, body) = posted(rig.server.addr(), &request.to_string());
        let got: Value = if body.is_empty() { Value::Null } else { serde_json::from_str(&body).unwrap() };
        assert_eq!(got, answer, "{request}");
    };
    let call = |id: u64, method: &str| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": [] });
    let told = |method: &str| json!({ "jsonrpc": "2.0", "method": method, "params": [] });
    let ok = |id: u64, result: &str| json!({ "jsonrpc": "2.0", "id": id, "result": result });
    let error = |id: Value, code: i64, message: &str| json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } });
    check(&call(1, "eth_chainId"), ok(1, &id));
    check(&told("eth_chainId"), Value::Null);
    check(&call(2, "eth_nothing"), error(json!(2), -32601, "Method not found"));
    let why = "notifications not supported: subscribe over a WebSocket";
    check(&call(3, "eth_subscribe"), error(json!(3), -32601, why));
    check(&call(4, "eth_unsubscribe"), error(json!(4), -32601, why));
    check(&json!([]), error(Value::Null, -32600, "Invalid request"));
    check(&json!([told("eth_chainId"), told("net_version")]), Value::Null);
    let odd = error(Value::Null, -32600, "Invalid request");
    check(&json!([call(5, "eth_chainId"), 1, told("eth_chainId")]), json!([ok(5, &id), odd]));
    // Sends are taken in together, wherever the others stand.
    let send = |id: u64| json!({ "jsonrpc": "2.0", "id": id, "method": "eth_sendRawTransaction", "params": [] });
    let none = |id: u64| error(json!(id), -32602, "invalid params: parameter 0 (transaction) is missing");
    let mixed = json!([send(6), told("eth_chainId"), send(7), send(8), 1, call(9, "eth_chainId")]);
    check(&mixed, json!([none(6), none(7), none(8), odd, ok(9, &id)]));
}

#[tokio::test]
async fn names_and_ports_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let serve = |addr: SocketAddr, chains| ApiServer::serve(addr, chains, ApiLimits::recommended());
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    assert!(matches!(serve(any, Vec::new()), Err(ApiError::NoChains)));
    let finance = chain("finance", CHAIN_ID, &dir, &[key(1).address()]);
    assert!(matches!(serve(any, vec![finance.clone(), finance.clone()]), Err(ApiError::NameTaken(_))));
    let server = serve(any, vec![finance.clone()]).unwrap();
    let error = serve(server.addr(), vec![finance]).unwrap_err();
    assert!(matches!(error, ApiError::Listen { .. }) && error.to_string().contains("choose another port"), "{error}");
    let odd = chain("a b", 7, &dir, &[key(1).address()]);
    assert!(matches!(serve(any, vec![odd]), Err(ApiError::BadName(_))));
}

#[tokio::test]
async fn batches_and_bodies_are_bounded() {
    let limits = ApiLimits { batch_calls: 3, request_bytes: 2_000, ..ApiLimits::recommended() };
    let rig = Rig::with_limits(limits);
    let batch = |calls: usize| {
        let mut batch = BatchRequestBuilder::new();
        (0..calls).for_each(|_| batch.insert("eth_blockNumber", positional(json!([]))).unwrap());
        batch
    };
    let answers = rig.http.batch_request::<U64>(batch(3)).await.unwrap();
    assert_eq!(answers.num_successful_calls(), 3);
    let told = |body: &str| posted(rig.server.addr(), body);
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}"#;
    let (_, answer) = told(&format!("[{}]", [call; 4].join(",")));
    assert!(answer.contains("batch request was too large") && answer.contains("max limit of 3"), "{answer}");
    assert!(told(&" ".repeat(3_000)).0.starts_with("http/1.1 413"));
    let long = format!("0x{}", "00".repeat(2_000));
    assert!(rig.try_rpc::<Value>("eth_sendRawTransaction", json!([long])).await.is_err());
    assert_eq!(rig.rpc::<U64>("eth_chainId", json!([])).await, U64::from(CHAIN_ID), "the server goes on");
}

#[tokio::test]
async fn connections_are_bounded() {
    let rig = Rig::with_limits(ApiLimits { connections: 2, ..ApiLimits::recommended() });
    let held: Vec<_> = (0..2).map(|_| TcpStream::connect(rig.server.addr()).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(200));
    let mut third = TcpStream::connect(rig.server.addr()).unwrap();
    third.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert!(matches!(third.read(&mut [0; 1]), Ok(0) | Err(_)), "closed without a word");
    drop(held);
    let deadline = Instant::now() + Duration::from_secs(10);
    while rig.try_rpc::<U64>("eth_chainId", json!([])).await.is_err() {
        assert!(Instant::now() < deadline, "a place became free");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn it_stops_with_sockets_open() {
    let rig = Rig::new();
    let url = format!("ws://{}/", rig.server.addr());
    let socket = WsClientBuilder::default().build(url.clone()).await.unwrap();
    socket.request::<U64, _>("eth_chainId", positional(json!([]))).await.unwrap();
    let _idle = TcpStream::connect(rig.server.addr()).unwrap();
    let begun = Instant::now();
    let server = rig.server;
    tokio::task::spawn_blocking(move || server.stop()).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(WsClientBuilder::default().build(url).await.is_err(), "nobody listens any more");
}
