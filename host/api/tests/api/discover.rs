//! `rpc_discover`: the document of every method, which is made of the table that registers them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::Rig;

/// What issue and specification ask of a node.
const EXPECTED: &str = "eth_accounts eth_baseFee eth_blobBaseFee eth_blockNumber eth_call eth_capabilities eth_chainId eth_createAccessList \
    eth_estimateGas eth_feeHistory eth_gasPrice eth_getBalance eth_getBlockByHash eth_getBlockByNumber \
    eth_getBlockReceipts eth_getBlockTransactionCountByHash eth_getBlockTransactionCountByNumber eth_getCode \
    eth_getFilterChanges eth_getFilterLogs eth_getLogs eth_getProof eth_getRawTransactionByBlockHashAndIndex \
    eth_getRawTransactionByBlockNumberAndIndex eth_getRawTransactionByHash eth_getStorageAt eth_getStorageValues \
    eth_getTransactionByBlockHashAndIndex eth_getTransactionByBlockNumberAndIndex eth_getTransactionByHash \
    eth_getTransactionCount eth_getTransactionReceipt eth_getUncleByBlockHashAndIndex \
    eth_getUncleByBlockNumberAndIndex eth_getUncleCountByBlockHash eth_getUncleCountByBlockNumber \
    eth_maxPriorityFeePerGas eth_newBlockFilter eth_newFilter eth_newPendingTransactionFilter eth_sendRawTransaction \
    eth_sendRawTransactionSync eth_simulateV1 eth_subscribe eth_syncing eth_uninstallFilter eth_unsubscribe \
    debug_getRawBlock debug_getRawHeader debug_getRawReceipts debug_getRawTransaction debug_traceBlockByHash \
    debug_traceBlockByNumber debug_traceCall debug_traceTransaction net_listening net_peerCount net_version \
    txpool_content txpool_contentFrom txpool_inspect txpool_status web3_clientVersion web3_sha3 caldera_engines caldera_getCertificate \
    caldera_getLoggedBlocks caldera_getStateUnitProof caldera_getWitness \
    caldera_sendRawTransactionWithSidecar caldera_status rpc_discover rpc.discover";

#[tokio::test]
async fn every_method_is_described_by_shapes_that_are_there() {
    let rig = Rig::new();
    let document: Value = rig.rpc("rpc_discover", json!([])).await;
    assert_eq!(rig.rpc::<Value>("rpc.discover", json!([])).await, document);
    let methods = document["methods"].as_array().unwrap();
    let names: BTreeSet<_> = methods.iter().map(|method| method["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), methods.len(), "a method stands once");
    assert_eq!(names, EXPECTED.split_whitespace().collect());
    let known = document["components"]["schemas"].as_object().unwrap();
    let mut used = BTreeSet::new();
    for method in methods {
        assert!(method["summary"].as_str().unwrap().ends_with('.'), "{method}");
        let params = method["params"].as_array().unwrap();
        let mut optional = false;
        for param in params {
            let required = param["required"].as_bool().unwrap();
            assert!(!(required && optional), "{method}: a required parameter behind an optional one");
            optional |= !required;
        }
        for shape in params.iter().chain([&method["result"]]) {
            let name = shape["schema"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
            assert!(known.contains_key(name), "{method}: no shape {name}");
            used.insert(name.to_owned());
        }
    }
    // Every shape is a method's, or part of one that is.
    let text = document["components"].to_string();
    let unused = known.keys().filter(|name| !used.contains(*name) && !text.contains(&format!("schemas/{name}\"")));
    assert_eq!(unused.collect::<Vec<_>>(), Vec::<&String>::new());
}

/// Each method that needs nothing answers; each that needs something says what is missing, by the name in the document.
#[tokio::test]
async fn every_method_answers_by_its_description() {
    let rig = Rig::new();
    let document: Value = rig.rpc("rpc_discover", json!([])).await;
    for method in document["methods"].as_array().unwrap() {
        let name = method["name"].as_str().unwrap();
        if name.ends_with("subscribe") {
            continue;
        }
        let first = method["params"].get(0).filter(|param| param["required"] == json!(true));
        match first {
            None => {
                rig.rpc::<Value>(name, json!([])).await;
            }
            Some(param) => {
                let error = rig.refused(name, json!([])).await;
                let missing = format!("parameter 0 ({}) is missing", param["name"].as_str().unwrap());
                assert_eq!((error.code(), error.message()), (-32602, &*format!("invalid params: {missing}")), "{name}");
            }
        }
    }
}
