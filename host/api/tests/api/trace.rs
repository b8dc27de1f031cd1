//! `debug_`: what is kept as it is kept, and what a transaction did, engines included.

use std::time::Duration;

use alloy_consensus::{Header, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_rlp::Decodable;
use alloy_sol_types::SolCall;
use caldera_api::ApiLimits;
use jsonrpsee_core::ClientError;
use serde_json::{Value, json};

use crate::support::{CALL, ENGINE, LOOP, REVERT, Rig, STORE, TRAP, Token, call, tx};

async fn sent(rig: &Rig, tx: TxEip1559) -> B256 {
    let hash = rig.send(tx).await;
    rig.mine();
    hash
}

fn calls(with_log: bool) -> Value {
    json!({ "tracer": "callTracer", "tracerConfig": { "withLog": with_log } })
}

#[tokio::test]
async fn what_is_kept_is_given_as_it_is() {
    let rig = Rig::new();
    let hash = sent(&rig, tx(0)).await;
    let sealed = rig.chain.head();
    for place in [json!("latest"), json!(sealed.block.hash())] {
        let header: Bytes = rig.rpc("debug_getRawHeader", json!([place])).await;
        assert_eq!(keccak256(&header), sealed.block.hash());
        let block: Bytes = rig.rpc("debug_getRawBlock", json!([place])).await;
        let decoded =
            alloy_consensus::Block::<alloy_consensus::TxEnvelope, Header>::decode(&mut block.as_ref()).unwrap();
        assert_eq!(
            (decoded.header, decoded.body.transactions),
            (sealed.block.header.clone(), sealed.block.transactions.clone())
        );
        let receipts: Vec<Bytes> = rig.rpc("debug_getRawReceipts", json!([place])).await;
        assert_eq!(receipts.len(), sealed.receipts.len());
    }
    let raw: Bytes = rig.rpc("debug_getRawTransaction", json!([hash])).await;
    assert_eq!(keccak256(&raw), hash);
    assert_eq!(rig.rpc::<Value>("debug_getRawTransaction", json!([B256::ZERO])).await, Value::Null);
    assert_eq!(rig.refused("debug_getRawBlock", json!(["0x99"])).await.code(), -32000);
}

#[tokio::test]
async fn contracts_are_traced_as_geth_does() {
    let rig = Rig::new();
    let token = rig.deploy_token(5).await;
    let transfer = Token::transferCall { to: Address::repeat_byte(1), amount: U256::from(2) }.abi_encode();
    let hash = sent(&rig, call(1, token, transfer)).await;
    let receipt: Value = rig.rpc("eth_getTransactionReceipt", json!([hash])).await;

    let steps: Value = rig.rpc("debug_traceTransaction", json!([hash])).await;
    assert_eq!(
        (&steps["failed"], &steps["gas"]),
        (&json!(false), &json!(u64::from_str_radix(&receipt["gasUsed"].as_str().unwrap()[2..], 16).unwrap()))
    );
    let logs = steps["structLogs"].as_array().unwrap();
    assert_eq!((&logs[0]["pc"], &logs[0]["op"], &logs[0]["depth"]), (&json!(0), &json!("PUSH1"), &json!(1)));
    assert!(logs.iter().any(|step| step["op"] == "SSTORE" && step["storage"].is_object()));
    assert!(steps.get("caldera").is_none(), "no engine ran");
    let few: Value = rig.rpc("debug_traceTransaction", json!([hash, { "limit": 3, "disableStack": true }])).await;
    assert_eq!(few["structLogs"].as_array().unwrap().len(), 3);
    assert!(few["structLogs"][0].get("stack").is_none());

    let frame: Value = rig.rpc("debug_traceTransaction", json!([hash, calls(true)])).await;
    assert_eq!((&frame["type"], &frame["to"], &frame["gasUsed"]), (&json!("CALL"), &json!(token), &receipt["gasUsed"]));
    assert_eq!(frame["logs"][0]["address"], json!(token));

    let before: Value = rig.rpc("debug_traceTransaction", json!([hash, { "tracer": "prestateTracer" }])).await;
    assert!(before[token.to_string().to_lowercase()]["storage"].is_object(), "{before}");
    let diff = json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } });
    let diff: Value = rig.rpc("debug_traceTransaction", json!([hash, diff])).await;
    let sender = rig.signer.address().to_string().to_lowercase();
    assert_eq!((&diff["pre"][&sender]["nonce"], &diff["post"][&sender]["nonce"]), (&json!(1), &json!(2)));
    let flat: Value = rig.rpc("debug_traceTransaction", json!([hash, { "tracer": "flatCallTracer" }])).await;
    assert_eq!((&flat[0]["transactionHash"], &flat[0]["blockHash"]), (&json!(hash), &receipt["blockHash"]));
    for tracer in ["4byteTracer", "noopTracer"] {
        rig.rpc::<Value>("debug_traceTransaction", json!([hash, { "tracer": tracer }])).await;
    }
    for bad in [json!({ "tracer": "{step: function() {}}" }), json!({ "timeout": "soon" })] {
        let error = rig.refused("debug_traceTransaction", json!([hash, bad])).await;
        assert_eq!(error.code(), -32602, "{bad}: {}", error.message());
    }
    let error = rig.refused("debug_traceTransaction", json!([B256::ZERO])).await;
    assert!(error.message().starts_with("transaction not found"));
}

/// The execution-apis' tests `calltracer-with-log-index` and `calltracer-only-top-call-with-log`.
#[tokio::test]
async fn logs_of_call_traces_are_numbered_as_the_block_numbers_them() {
    let rig = Rig::new();
    let token = rig.deploy_token(5).await;
    for nonce in 1..3 {
        let to = Address::repeat_byte(nonce as u8);
        rig.send(call(nonce, token, Token::transferCall { to, amount: U256::ONE }.abi_encode())).await;
    }
    let number = format!("{:#x}", rig.mine().number());
    let logs: Value = rig.rpc("eth_getLogs", json!([{ "fromBlock": number, "address": token }])).await;
    let traces: Value = rig.rpc("debug_traceBlockByNumber", json!([number, calls(true)])).await;
    let traced = traces.as_array().unwrap().iter().filter(|trace| trace["result"]["to"] == json!(token));
    let traced: Vec<_> = traced.map(|trace| trace["result"]["logs"][0]["index"].clone()).collect();
    assert_eq!(traced, [logs[0]["logIndex"].clone(), logs[1]["logIndex"].clone()]);
    assert_ne!(traced[0], traced[1]);

    // A logs, calls B that logs and reverts, calls C that logs, and logs again.
    let [a, b, c] = [0xa1, 0xb1, 0xc1].map(Address::repeat_byte);
    let calling = |to: Address| format!("5f5f5f5f5f73{to:x}5af150");
    let code = json!({
        (a.to_string()): { "code": format!("0x5f5fa0{}{}5f5fa000", calling(b), calling(c)) },
        (b.to_string()): { "code": "0x5f5fa05f5ffd" },
        (c.to_string()): { "code": "0x5f5fa000" },
    });
    let rig = &rig;
    let trace = |to: Address, alone: bool| {
        let options = json!({
            "tracer": "callTracer", "tracerConfig": { "withLog": true, "onlyTopCall": alone }, "stateOverrides": code,
        });
        async move { rig.rpc::<Value>("debug_traceCall", json!([{ "to": to }, "latest", options])).await }
    };
    let places = |frame: &Value| -> Vec<(Value, Value)> {
        let logs = frame["logs"].as_array().into_iter().flatten();
        logs.map(|log| (log["index"].clone(), log["position"].clone())).collect()
    };
    let place = |index: &str, position: &str| (json!(index), json!(position));
    let whole = trace(a, false).await;
    assert_eq!(places(&whole), [place("0x0", "0x0"), place("0x2", "0x2")]);
    assert_eq!(places(&whole["calls"][0]), [], "it reverted");
    assert_eq!(places(&whole["calls"][1]), [place("0x1", "0x0")]);
    assert_eq!(places(&trace(a, true).await), [place("0x0", "0x0"), place("0x2", "0x0")]);
    assert_eq!(places(&trace(b, false).await), [], "it reverted");
}

/// How the last step of some code failed, in geth's words; and fields that have nothing to say are not there.
#[tokio::test]
async fn failed_steps_say_why_in_geths_words() {
    let rig = Rig::new();
    let to = Address::repeat_byte(0xa1);
    for (code, words) in [
        ("0x5f56", "invalid jump destination"),
        ("0x50", "stack underflow"),
        ("0xfe", "invalid opcode: INVALID"),
        ("0x63ffffffff5ffd", "out of gas"),
    ] {
        let options = json!({
            "enableMemory": true, "enableReturnData": true, "stateOverrides": { (to.to_string()): { "code": code } },
        });
        let call = json!({ "to": to, "gas": "0x186a0" });
        let trace: Value = rig.rpc("debug_traceCall", json!([call, "latest", options])).await;
        let steps = trace["structLogs"].as_array().unwrap();
        assert_eq!(steps.last().unwrap()["error"], json!(words), "{code}: {steps:?}");
        assert!(steps[0].get("memory").is_none() && steps[0].get("returnData").is_none(), "{code}");
    }
}

/// The frame of an engine shows what it asked of its host, and its calls into the EVM stand below it.
#[tokio::test]
async fn an_engines_frame_shows_host_calls_fuel_and_fault() {
    let rig = Rig::new();
    let token = rig.deploy_token(5).await;
    let stored = sent(&rig, call(1, ENGINE, vec![STORE, 7])).await;
    let frame: Value = rig.rpc("debug_traceTransaction", json!([stored, calls(true)])).await;
    let engine = &frame["caldera"];
    assert_eq!(
        (&engine["address"], &engine["export"], &engine["fault"]),
        (&json!(ENGINE), &json!("call"), &Value::Null)
    );
    let names: Vec<_> =
        engine["hostCalls"].as_array().unwrap().iter().map(|call| call["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["state.set", "evm.emit"]);
    assert_eq!((&engine["hostCalls"][0]["key"], &engine["hostCalls"][0]["bytes"]), (&json!("0x0407"), &json!(2)));
    assert!(
        u64::from_str_radix(&engine["hostCalls"][0]["gas"].as_str().unwrap()[2..], 16).unwrap() > 20_000,
        "a fresh slot"
    );
    assert_ne!(engine["fuelUsed"], json!("0x0"));
    assert_eq!(frame["logs"].as_array().unwrap().len(), 1, "told once: {frame}");
    assert_eq!(frame["logs"][0]["address"], json!(ENGINE));

    // An engine that calls a contract, which reverts.
    let input = [&[CALL], token.as_slice()].concat();
    let nested = sent(&rig, call(2, ENGINE, input.clone())).await;
    let frame: Value = rig.rpc("debug_traceTransaction", json!([nested, calls(true)])).await;
    let below = &frame["calls"][0];
    assert_eq!(
        (&below["from"], &below["to"], &below["error"]),
        (&json!(ENGINE), &json!(token), &json!("execution reverted"))
    );
    assert_eq!(frame["caldera"]["hostCalls"][0]["outcome"], json!("revert"));
    assert!(below.get("caldera").is_none());
    let steps: Value = rig.rpc("debug_traceTransaction", json!([nested])).await;
    let logs = steps["structLogs"].as_array().unwrap();
    assert_eq!((&logs[0]["op"], &logs[0]["depth"]), (&json!("CALL"), &json!(1)), "the engine's call");
    assert_eq!((&logs[1]["op"], &logs[1]["depth"]), (&json!("PUSH1"), &json!(2)), "what it called");
    assert_eq!((&steps["caldera"][0]["frame"], &steps["caldera"][0]["address"]), (&json!(0), &json!(ENGINE)));

    // An engine that calls itself: frames within frames, each with its own.
    let again = [&[CALL], ENGINE.as_slice()].concat();
    let deep: Value =
        rig.rpc("debug_traceCall", json!([{ "to": ENGINE, "data": Bytes::from(again) }, "latest", calls(false)])).await;
    assert_eq!(deep["calls"][0]["caldera"]["address"], json!(ENGINE));

    for (nonce, input, name) in [(3, TRAP, "unreachable"), (4, LOOP, "out-of-fuel")] {
        let hash = sent(&rig, call(nonce, ENGINE, vec![input])).await;
        let frame: Value = rig.rpc("debug_traceTransaction", json!([hash, calls(false)])).await;
        assert_eq!(frame["caldera"]["fault"], json!(name));
        assert!(frame["error"].is_string());
    }
    let reverted: Value = rig
        .rpc("debug_traceCall", json!([{ "to": ENGINE, "data": Bytes::from(vec![REVERT]) }, "latest", calls(false)]))
        .await;
    assert_eq!((&reverted["error"], &reverted["caldera"]["fault"]), (&json!("execution reverted"), &Value::Null));
}

/// The chain's own turn is a transaction of the block, and is traced like the others.
#[tokio::test]
async fn blocks_are_traced_whole() {
    let rig = Rig::new();
    for nonce in 0..2 {
        rig.send(call(nonce, ENGINE, vec![STORE, nonce as u8])).await;
    }
    let block = rig.mine();
    let (number, hash) = (format!("{:#x}", block.number()), block.block.hash());
    let traces: Value = rig.rpc("debug_traceBlockByNumber", json!([number, calls(true)])).await;
    assert_eq!(rig.rpc::<Value>("debug_traceBlockByHash", json!([hash, calls(true)])).await, traces);
    let traces = traces.as_array().unwrap();
    assert_eq!(traces.len(), block.block.transactions.len());
    for (trace, tx) in traces.iter().zip(&block.block.transactions) {
        assert_eq!(trace["txHash"], json!(tx.tx_hash()));
        let one: Value = rig.rpc("debug_traceTransaction", json!([tx.tx_hash(), calls(true)])).await;
        assert_eq!(one, trace["result"], "alone as in the block");
    }
    let own = &traces[0]["result"];
    assert_eq!(own["from"], json!("0xfffffffffffffffffffffffffffffffffffffffe"));
    assert_eq!(
        (&own["calls"][0]["to"], &own["calls"][0]["caldera"]["export"]),
        (&json!(ENGINE), &json!("begin-block"))
    );
    assert_eq!(own["calls"][0]["logs"].as_array().unwrap().len(), 1);
    let steps: Value = rig.rpc("debug_traceBlockByNumber", json!([number])).await;
    assert_eq!(steps.as_array().unwrap().len(), traces.len());
    assert!(rig.refused("debug_traceBlockByNumber", json!(["0x0"])).await.message().contains("genesis"));
    assert_eq!(rig.refused("debug_traceBlockByHash", json!([B256::ZERO])).await.code(), -32000);
}

#[tokio::test]
async fn traced_calls_take_overrides() {
    let rig = Rig::new();
    let to = Address::repeat_byte(0xcd);
    // SSTORE(0, 1); STOP
    let options = json!({
        "stateOverrides": { (to.to_string()): { "code": "0x600160005500" } },
        "blockOverrides": { "number": "0x99" },
    });
    let steps: Value = rig.rpc("debug_traceCall", json!([{ "to": to }, "latest", options])).await;
    let ops: Vec<_> = steps["structLogs"].as_array().unwrap().iter().map(|step| step["op"].as_str().unwrap()).collect();
    assert_eq!(ops, ["PUSH1", "PUSH1", "SSTORE", "STOP"]);
    let error = rig.refused("debug_traceCall", json!([{ "to": to }, "latest", { "txIndex": "0x0" }])).await;
    assert!(error.message().contains("txIndex"));
}

/// Code that jumps for ever is stopped by the steps that a trace may have, or by its time.
#[tokio::test]
async fn traces_are_bounded() {
    let limits = ApiLimits { trace_steps: 1_000, ..ApiLimits::recommended() };
    let rig = Rig::with_limits(limits);
    let to = Address::repeat_byte(0xcd);
    let endless = json!({ "stateOverrides": { (to.to_string()): { "code": "0x5b600056" } } });
    let error = rig.refused("debug_traceCall", json!([{ "to": to }, "latest", endless])).await;
    assert!(error.code() == -32005 && error.message().contains("more steps"), "{}", error.message());
    let mut late = endless.clone();
    (late["tracer"], late["timeout"]) = (json!("callTracer"), json!("1us"));
    let error = rig.refused("debug_traceCall", json!([{ "to": to }, "latest", late])).await;
    assert!(error.code() == -32005 && error.message().contains("time"), "{}", error.message());
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(rig.rpc::<Value>("eth_blockNumber", json!([])).await.is_string(), "the server goes on");
}

/// What a trace keeps is counted whole: stacks, memories that are not copied again, slots that a step repeats, inputs of
/// frames, with whatever tracer.
#[tokio::test]
async fn traces_are_bounded_in_memory() {
    let rig = Rig::new();
    let to = Address::repeat_byte(0xcd);
    let traced = async |code: String, mut options: Value| {
        options["stateOverrides"] = json!({ (to.to_string()): { "code": format!("0x{code}") } });
        rig.try_rpc::<Value>("debug_traceCall", json!([{ "to": to }, "latest", options])).await
    };
    let deep_stack = format!("{}5b6103e856", "5f".repeat(1_000));
    let large_memory = "5f620ffff0525b600656";
    let many_slots = "5f5b8054506001016001 56".replace(' ', "");
    // A mebibyte of calldata, again and again, to an account without code.
    let large_inputs = "5b5f5f621000005f5f60995af1505f56";
    let memory = json!({ "enableMemory": true });
    let mux = json!({ "tracer": "muxTracer", "tracerConfig": { "callTracer": {} } });
    for (code, options) in [
        (deep_stack.as_str(), json!({})),
        (&deep_stack, json!({ "tracer": "erc7562Tracer" })),
        (large_memory, memory),
        (&many_slots, json!({})),
        (large_inputs, json!({ "tracer": "callTracer" })),
        (large_inputs, json!({ "tracer": "flatCallTracer" })),
        (large_inputs, mux),
    ] {
        match traced(code.to_owned(), options.clone()).await {
            Err(ClientError::Call(error)) => {
                assert!(error.code() == -32005 && error.message().contains("more memory"), "{options}: {error:?}")
            }
            other => panic!("{code} {options}: {other:?}"),
        }
    }
    // What is not kept costs nothing: neither stacks that nobody asked for, nor steps after the last that is recorded.
    let once = format!("{}00", "5f".repeat(1_000));
    traced(once, json!({ "disableStack": true })).await.unwrap();
    let few = format!("{}62030d405b600190038061 03ec5700", "5f".repeat(1_000)).replace(' ', "");
    let few = traced(few, json!({ "limit": 3 })).await.unwrap();
    assert_eq!(few["structLogs"].as_array().unwrap().len(), 3);
}

/// The traces of a block have one budget together.
#[tokio::test]
async fn traced_blocks_are_bounded_in_memory() {
    // Twice as much may be kept as an answer may hold. The stacks of one transaction take 16 MB.
    let rig = Rig::with_limits(ApiLimits { response_bytes: 12 << 20, ..ApiLimits::recommended() });
    let code = Bytes::from([vec![0x5f; 1_000], vec![0]].concat());
    for nonce in 0..2 {
        let (to, value) = (TxKind::Create, U256::ZERO);
        rig.send(TxEip1559 { to, value, input: code.clone(), gas_limit: 1_000_000, ..tx(nonce) }).await;
    }
    let block = rig.mine();
    let number = format!("{:#x}", block.number());
    for sent in &block.block.transactions[1..] {
        let steps: Value = rig.rpc("debug_traceTransaction", json!([sent.tx_hash()])).await;
        assert_eq!(steps["structLogs"].as_array().unwrap().len(), 1_001);
    }
    let error = rig.refused("debug_traceBlockByNumber", json!([number])).await;
    assert!(error.code() == -32005 && error.message().contains("more memory"), "{}", error.message());
    let without = json!({ "disableStack": true });
    let traces: Value = rig.rpc("debug_traceBlockByNumber", json!([number, without])).await;
    assert_eq!(traces.as_array().unwrap().len(), block.block.transactions.len());
}
