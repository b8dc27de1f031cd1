//! What Foundry and Hardhat tell a development chain, over HTTP to the real binary: it happens, it survives `kill -9`, a replay
//! gives the same, and a chain that is not for development takes none of it.

mod support;

use std::{path::Path, process::Command};

use alloy_primitives::{Address, B256, U256, address, hex, keccak256};
use alloy_rpc_types_eth::TransactionReceipt;
use caldera_node::{
    dev,
    rpc::{Endpoint, Rpc},
};
use jsonrpsee_core::params::ArrayParams;
use serde_json::{Value, json};
use support::{Dev, caldera, plugins, run};

const SOMEBODY: Address = address!("00000000000000000000000000000000000A11CE");
const CONTRACT: Address = address!("000000000000000000000000000000000000C0DE");

/// `caldera dev` whose chains make blocks when they are told to.
fn start(data: Option<&Path>) -> Dev {
    let mut command = caldera();
    command.args(["dev", "--port", "0", "--json", "--automine", "--plugins"]).arg(plugins());
    if let Some(data) = data {
        command.arg("--data").arg(data);
    }
    Dev::spawn(command)
}

struct Client(Rpc);

impl Client {
    fn of(node: &Dev, chain: &str) -> Self {
        Self(Rpc::new(Endpoint::of(node.url(), chain)).expect("a client"))
    }

    async fn ask(&self, method: &'static str, params: Value) -> Value {
        self.try_ask(method, params).await.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    async fn try_ask(&self, method: &'static str, params: Value) -> Result<Value, String> {
        let mut positional = ArrayParams::new();
        for value in params.as_array().expect("an array") {
            positional.insert(value).expect("it can be written");
        }
        self.0.request(method, positional).await.map_err(|error| error.to_string())
    }

    async fn number(&self, method: &'static str, params: Value) -> u64 {
        let text = self.ask(method, params).await;
        u64::from_str_radix(text.as_str().expect("a quantity").trim_start_matches("0x"), 16).expect("a quantity")
    }

    async fn height(&self) -> u64 {
        self.number("eth_blockNumber", json!([])).await
    }

    async fn head(&self) -> Value {
        self.ask("eth_getBlockByNumber", json!(["latest", false])).await
    }

    async fn send(&self, from: Address, value: u64) -> TransactionReceipt {
        let request = json!([{ "from": from, "to": SOMEBODY, "value": U256::from(value) }]);
        let hash = self.ask("eth_sendTransaction", request).await;
        let receipt = self.ask("eth_getTransactionReceipt", json!([hash])).await;
        serde_json::from_value(receipt).expect("it is in a block at once")
    }
}

#[tokio::test]
async fn a_test_sets_up_its_state_acts_and_goes_back() {
    let data = tempfile::tempdir().unwrap();
    let node = start(Some(data.path()));
    let finance = Client::of(&node, "finance");
    let accounts: Vec<Address> = dev::accounts().unwrap().iter().map(dev::Account::address).collect();
    assert_eq!(finance.ask("eth_accounts", json!([])).await, json!(accounts));

    // One block for each transaction, none by the clock. The weave engines were linked in the first ones.
    let linked = finance.height().await;
    assert_eq!(finance.send(accounts[3], 5).await.block_number, Some(linked + 1));
    assert_eq!(finance.ask("anvil_getAutomine", json!([])).await, json!(true));

    // Going back, twice from the same place, with transactions, edits and another way on.
    let snapshot = finance.ask("evm_snapshot", json!([])).await;
    let before = finance.head().await;
    finance.ask("anvil_setBalance", json!([SOMEBODY, "0x64"])).await;
    let code = hex!("6000545f5260205ff3");
    finance.ask("hardhat_setCode", json!([CONTRACT, hex::encode_prefixed(code)])).await;
    finance.ask("anvil_setStorageAt", json!([CONTRACT, "0x0", B256::with_last_byte(7)])).await;
    let returned = finance.ask("eth_call", json!([{ "to": CONTRACT }, "latest"])).await;
    assert_eq!(returned, json!(B256::with_last_byte(7)));
    let filter = finance.ask("eth_newBlockFilter", json!([])).await;
    finance.ask("anvil_impersonateAccount", json!([CONTRACT])).await;
    finance.ask("anvil_setBalance", json!([CONTRACT, 10_u64.pow(18)])).await;
    let receipt = finance.send(CONTRACT, 1).await;
    assert_eq!((receipt.from, receipt.status()), (CONTRACT, true));
    finance.ask("hardhat_stopImpersonatingAccount", json!([CONTRACT])).await;
    let refused = finance.try_ask("eth_sendTransaction", json!([{ "from": CONTRACT, "to": SOMEBODY }])).await;
    assert!(refused.unwrap_err().contains("unknown account"));
    assert_eq!(finance.number("eth_getBalance", json!([SOMEBODY, "latest"])).await, 101);
    assert_eq!(finance.ask("evm_revert", json!([snapshot])).await, json!(true));
    assert_eq!(finance.head().await, before);
    assert_eq!(finance.number("eth_getBalance", json!([SOMEBODY, "latest"])).await, 5);
    assert_eq!(finance.ask("eth_getCode", json!([CONTRACT, "latest"])).await, json!("0x"));
    assert_eq!(finance.ask("evm_revert", json!([snapshot])).await, json!(false));
    finance.send(accounts[3], 1).await;
    let told = finance.ask("eth_getFilterChanges", json!([filter])).await;
    assert_eq!(told, json!([finance.head().await["hash"]]), "the filter went back too");

    // All of it outlives the process, and other folders give the same.
    finance.ask("hardhat_setNonce", json!([accounts[3], "0x20"])).await;
    assert_eq!(finance.number("eth_getTransactionCount", json!([accounts[3], "pending"])).await, 32);
    finance.send(accounts[3], 1).await;
    let head = finance.head().await;
    node.kill();
    let node = start(Some(data.path()));
    let finance = Client::of(&node, "finance");
    assert_eq!(finance.head().await, head);
    assert_eq!(node.signal("TERM").0.code(), Some(0));
    let (plugins, log) = (plugins(), data.path().join("finance"));
    let args = ["--json", "replay", "--dev", "--plugins", plugins.to_str().unwrap(), "--log", log.to_str().unwrap()];
    let (code, out, err) = run(&args);
    assert_eq!(code, 0, "{err}");
    let replayed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(replayed["stateRoot"], head["stateRoot"], "{out}");
}

#[tokio::test]
async fn blocks_have_the_times_that_they_are_told() {
    let node = start(None);
    let arena = Client::of(&node, "arena");
    let time = async || arena.number_of_head("timestamp").await;
    let linked = arena.height().await;
    arena.ask("evm_mine", json!([])).await;
    let began = time().await;
    arena.ask("evm_mine", json!([began + 100])).await;
    assert_eq!((time().await, arena.height().await), (began + 100, linked + 2));
    arena.ask("evm_mine", json!([{ "timestamp": began + 200, "blocks": 3 }])).await;
    assert_eq!(arena.height().await, linked + 5);
    arena.ask("anvil_mine", json!(["0x3", "0x3c"])).await;
    assert_eq!(arena.height().await, linked + 8);
    assert!((began + 320..began + 340).contains(&time().await));
    arena.ask("evm_setNextBlockTimestamp", json!([began + 5_000])).await;
    // A change by hand is a block too, and not the one whose time was told.
    arena.ask("anvil_setBalance", json!([SOMEBODY, 1])).await;
    let sender = dev::governor().unwrap().address();
    arena.send(sender, 1).await;
    assert_eq!(time().await, began + 5_000);
    let ahead = arena.number("evm_increaseTime", json!([1_000])).await;
    assert!(ahead >= 5_990, "{ahead}");
    arena.ask("hardhat_mine", json!([])).await;
    assert!((began + 6_000..began + 6_030).contains(&time().await));
    let refused = arena.try_ask("evm_setNextBlockTimestamp", json!([began])).await.unwrap_err();
    assert!(refused.contains("is before that of the newest block"), "{refused}");
    // Blocks by the clock.
    arena.ask("evm_setIntervalMining", json!([20])).await;
    let height = arena.height().await;
    while arena.height().await < height + 5 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_ten_accounts_sign() {
    let node = start(None);
    let rpc = Client::of(&node, "finance");
    let account = dev::governor().unwrap().address();
    let recovered = |signature: &Value, hash: B256| {
        let bytes = hex::decode(signature.as_str().unwrap()).unwrap();
        alloy_primitives::Signature::from_raw(&bytes).unwrap().recover_address_from_prehash(&hash).unwrap()
    };
    let message = keccak256("\x19Ethereum Signed Message:\n5hello");
    let hello = hex::encode_prefixed("hello");
    let signed = rpc.ask("eth_sign", json!([account, hello])).await;
    assert_eq!(recovered(&signed, message), account);
    assert_eq!(rpc.ask("personal_sign", json!([hello, account])).await, signed);
    // The example of EIP-712 itself, whose hash everybody has.
    let typed = json!({
        "types": {
            "EIP712Domain": [
                { "name": "name", "type": "string" }, { "name": "version", "type": "string" },
                { "name": "chainId", "type": "uint256" }, { "name": "verifyingContract", "type": "address" },
            ],
            "Person": [{ "name": "name", "type": "string" }, { "name": "wallet", "type": "address" }],
            "Mail": [
                { "name": "from", "type": "Person" }, { "name": "to", "type": "Person" },
                { "name": "contents", "type": "string" },
            ],
        },
        "primaryType": "Mail",
        "domain": {
            "name": "Ether Mail", "version": "1", "chainId": 1,
            "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
        },
        "message": {
            "from": { "name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826" },
            "to": { "name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB" },
            "contents": "Hello, Bob!",
        },
    });
    let hash = B256::new(hex!("be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"));
    let signed = rpc.ask("eth_signTypedData_v4", json!([account, typed])).await;
    assert_eq!(recovered(&signed, hash), account);
    assert_eq!(rpc.ask("eth_signTypedData_v4", json!([account, typed.to_string()])).await, signed);
    let refused = rpc.try_ask("eth_sign", json!([SOMEBODY, hello])).await.unwrap_err();
    assert!(refused.contains("unknown account"), "{refused}");
}

#[tokio::test]
async fn another_chain_refuses_each_by_name() {
    let dev = start(None);
    let document = Client::of(&dev, "arena").ask("rpc_discover", json!([])).await;
    let methods = document["methods"].as_array().unwrap().iter();
    let names: Vec<&str> = methods
        .filter(|method| method["tags"] == json!([{ "name": "development" }]))
        .map(|method| method["name"].as_str().unwrap())
        .collect();
    assert!(names.len() > 30 && names.contains(&"evm_revert"), "{names:?}");

    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("caldera.toml");
    let text = "listen = \"127.0.0.1:0\"\ndata = \"data\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
        [[chain]]\nname = \"real\"\nchain-id = 77\ngovernor = \"0x00000000000000000000000000000000000A11CE\"\n";
    std::fs::write(&config, text).unwrap();
    let mut command: Command = caldera();
    command.args(["node", "--json", "--config"]).arg(&config);
    let node = Dev::spawn(command);
    let real = Client::of(&node, "real");
    assert_eq!(real.ask("eth_accounts", json!([])).await, json!([]));
    let listed = real.ask("rpc_discover", json!([])).await.to_string();
    for name in names {
        assert!(!listed.contains(&format!("\"{name}\"")), "{name}");
        let refused = real.try_ask(String::from(name).leak(), json!([])).await.unwrap_err();
        assert!(refused.contains(&format!("the method {name} does not exist on this chain")), "{refused}");
    }
}

impl Client {
    async fn number_of_head(&self, field: &str) -> u64 {
        let head = self.head().await;
        let text = head[field].as_str().expect("a quantity").trim_start_matches("0x");
        u64::from_str_radix(text, 16).expect("a quantity")
    }
}
