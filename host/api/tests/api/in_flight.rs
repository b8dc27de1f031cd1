//! What one connection may have in flight.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use alloy_primitives::U64;
use caldera_api::ApiLimits;
use jsonrpsee_core::{ClientError, client::ClientT};
use jsonrpsee_ws_client::WsClientBuilder;
use serde_json::{Value, json};

use crate::support::{CHAIN_ID, Rig, frame, positional, raw, raw_socket, sign, tx};

/// A call that waits for a block, until the time is over.
const WAITS: &str = r#"{"jsonrpc":"2.0","id":1,"method":"caldera_getLoggedBlocks","params":["0x9","0x1","0x2710"]}"#;

#[tokio::test]
async fn calls_of_one_connection_are_bounded() {
    let rig = Rig::with_limits(ApiLimits { calls_in_flight_per_connection: 3, ..ApiLimits::recommended() });
    let url = format!("ws://{}/", rig.server.addr());
    let (socket, other) = (WsClientBuilder::default().build(&url).await.unwrap(), rig.http.clone());
    let known = raw(&sign(tx(0), &rig.signer));
    let wait = || socket.request::<Value, _>("eth_sendRawTransactionSync", positional(json!([known, 60_000])));
    let chain_id = || socket.request::<U64, _>("eth_chainId", positional(json!([])));
    let waiting = futures::future::join_all([wait(), wait(), wait()]);
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let Err(ClientError::Call(error)) = chain_id().await else { panic!("a fourth is refused") };
        assert_eq!(error.code(), -32005);
        assert!(error.message().contains("3 calls in flight, at most 3"), "{}", error.message());
        let free: U64 = other.request("eth_chainId", positional(json!([]))).await.unwrap();
        assert_eq!(free, U64::from(CHAIN_ID), "another connection has its own");
        rig.mine();
    };
    let (receipts, ()) = tokio::join!(waiting, meanwhile);
    receipts.into_iter().for_each(|receipt| assert_eq!(receipt.unwrap()["status"], json!("0x1")));
    assert_eq!(chain_id().await.unwrap(), U64::from(CHAIN_ID), "they are answered");
}

/// Whatever the bytes are: what a message pads its call with is kept as long as the call.
#[tokio::test]
async fn bytes_of_one_websocket_are_bounded() {
    let limits =
        ApiLimits { bytes_in_flight_per_connection: 2_500_000, request_bytes: 1 << 20, ..ApiLimits::recommended() };
    let rig = Rig::with_limits(limits);
    let padded = WAITS.replace(',', &format!(",{}", " ".repeat(200_000)));
    let mut socket = raw_socket(&rig, &padded);
    socket.write_all(&frame(&padded)).unwrap();
    let told = read_until(&mut socket, "bytes with this one");
    assert!(!told.contains("error"), "two are fine: {told}");
    socket.write_all(&frame(&padded)).unwrap();
    let told = read_until(&mut socket, "bytes with this one");
    assert!(told.contains("-32005") && told.contains("at most 2500000"), "{told}");
    rig.mine();
}

#[tokio::test]
async fn a_request_that_does_not_fit_is_refused_unread() {
    let rig = Rig::with_limits(ApiLimits { bytes_in_flight_per_connection: 1_000, ..ApiLimits::recommended() });
    let mut socket = TcpStream::connect(rig.server.addr()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\ncontent-type: application/json\r\nConnection: close";
    write!(socket, "{head}\r\ncontent-length: 1001\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
    assert!(answer.contains("-32005") && answer.contains("1001 bytes with this one, at most 1000"), "{answer}");
}

/// Who takes no answers in cannot go on asking: the answers would be kept.
#[tokio::test]
async fn nothing_comes_in_from_who_reads_nothing() {
    let rig = Rig::with_limits(ApiLimits { slow_reader: Duration::from_secs(60), ..ApiLimits::recommended() });
    // What is given to the identity comes back: 200 KB each way.
    let call =
        json!({ "to": "0x0000000000000000000000000000000000000004", "data": format!("0x{}", "ab".repeat(100_000)) });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call, "latest"] }).to_string();
    let mut socket = raw_socket(&rig, &call);
    socket.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let message = frame(&call);
    let sent = (0..500).take_while(|_| socket.write_all(&message).is_ok()).count();
    assert!(sent < 500, "the socket took in {sent} calls and gave no answer away");
}

/// What a WebSocket says within a second, or until it says `what`.
fn read_until(socket: &mut TcpStream, what: &str) -> String {
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let (mut told, mut chunk, begun) = (Vec::new(), vec![0; 1 << 16], Instant::now());
    while begun.elapsed() < Duration::from_secs(1) {
        if let Ok(read) = socket.read(&mut chunk) {
            told.extend_from_slice(&chunk[..read]);
        }
        if String::from_utf8_lossy(&told).contains(what) {
            break;
        }
    }
    String::from_utf8_lossy(&told).into_owned()
}
