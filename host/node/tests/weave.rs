//! `caldera weave` and `[weave]` as an operator uses them: two chains of a configuration, linked, and a unit brought across.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256, U256, address, hex};
use alloy_sol_types::SolCall;
use caldera_node::{
    dev,
    rpc::{Endpoint, Rpc, Sender, Watch},
};
use serde_json::Value;
use support::{Dev, caldera, get, plugins, run};
use weave_rules::{
    abi::Weave::{self as abi, Rule},
    unit::{Kind, asset_id},
};

const ENGINE: Address = address!("000000000000000000000000000000000003EA7E");
const SOMEBODY: Address = address!("00000000000000000000000000000000000A11CE");
const KEY: B256 = B256::repeat_byte(7);
const FROM: u64 = 4301;
const TO: u64 = 4302;
const WITHIN: Duration = Duration::from_secs(30);
const GAS: u64 = 1_000_000;

/// Two chains with weave engines and one validator, and what else the file says.
fn configuration(folder: &Path, more: &str) -> PathBuf {
    let governor = dev::governor().unwrap().address();
    let (code, config, error) = run(&["weave", "config", "--governor", &governor.to_string()]);
    assert_eq!(code, 0, "{error}");
    let chain = |name: &str, id: u64| {
        format!(
            "[[chain]]\nname = \"{name}\"\nchain-id = {id}\ngovernor = \"{governor}\"\n[[chain.account]]\naddress = \"{governor}\"\n\
             balance = \"10000000000000000000000\"\n[[chain.mount]]\naddress = \"{ENGINE}\"\ncomponent = \"{}\"\n\
             grants = [\"state\", \"evm\", \"crypto\", \"log\", \"bls\", \"mpt\"]\nconfig = \"{}\"\n",
            plugins().join("weave-v1.wasm").display(),
            config.trim()
        )
    };
    let text = format!(
        "listen = \"127.0.0.1:0\"\ndata = \"data\"\nblock-interval-ms = 100\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [validation]\nowners = [\"{governor}\"]\n{more}\n{}{}",
        chain("from", FROM),
        chain("to", TO)
    );
    let file = folder.join("caldera.toml");
    std::fs::write(&file, text).unwrap();
    file
}

fn node(file: &Path) -> Dev {
    let mut command = caldera();
    command.args(["node", "--json", "--config"]).arg(file);
    Dev::spawn(command)
}

/// Runs `caldera weave …` that must succeed, and gives its JSON.
fn weave(args: &[&str]) -> Value {
    let (code, out, error) = run(&[&["--json", "weave"], args].concat());
    assert_eq!(code, 0, "{args:?}: {error}");
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{args:?}: {out}"))
}

/// Runs one that must be refused, with these words.
fn refused(args: &[&str], words: &str) {
    let (code, out, error) = run(&[&["weave"], args].concat());
    assert_eq!((code, out.as_str()), (1, ""), "{args:?}: {error}");
    assert!(error.contains(words), "{args:?}: {error}");
}

struct Chain {
    rpc: Rpc,
    url: String,
}

impl Chain {
    fn of(node: &Dev, name: &str) -> Self {
        Self { rpc: Rpc::new(Endpoint::of(node.url(), name)).unwrap(), url: node.chain_url(name) }
    }

    async fn send(&self, call: &impl SolCall, wei: U256) -> u64 {
        let mut sender = Sender::ask(&self.rpc, dev::governor().unwrap()).await.unwrap();
        let mut watch = Watch::from_head(&self.rpc).await.unwrap();
        let tx = sender.sign(ENGINE, wei, call.abi_encode().into(), GAS).unwrap();
        watch.settle(&[tx], WITHIN).await.unwrap()[0].block_number.unwrap()
    }

    async fn rule(&self, kind: Kind, key: B256) {
        let rule = Rule { localKey: key, maxStaleness: 0, expiryCap: 0, cap: U256::ZERO };
        self.send(&abi::setRuleCall { origin: FROM, kind: kind.code(), key, rule }, U256::ZERO).await;
    }

    async fn pay(&self, to: Address) {
        let mut sender = Sender::ask(&self.rpc, dev::governor().unwrap()).await.unwrap();
        let mut watch = Watch::from_head(&self.rpc).await.unwrap();
        let tx = sender.pay(to, U256::from(10).pow(U256::from(18))).unwrap();
        watch.settle(&[tx], WITHIN).await.unwrap();
    }

    async fn may(&self) -> bool {
        self.rpc.call(ENGINE, abi::permissionCall { owner: SOMEBODY, key: KEY }).await.unwrap()
    }

    async fn until<C: SolCall + Clone>(&self, call: C, want: impl Fn(&C::Return) -> bool) {
        let began = Instant::now();
        while !want(&self.rpc.call(ENGINE, call.clone()).await.unwrap()) {
            assert!(began.elapsed() < WITHIN, "it never came: {}", C::SIGNATURE);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Until a block is certified, so that the tag `safe` is not before it.
    async fn certified(&self, height: u64) {
        let began = Instant::now();
        loop {
            let params = jsonrpsee_core::rpc_params!["safe", false];
            let safe: Value = self.rpc.request("eth_getBlockByNumber", params).await.unwrap();
            let safe = u64::from_str_radix(safe["number"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
            if safe >= height {
                return;
            }
            assert!(began.elapsed() < WITHIN, "block {height} is not certified");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn issue() -> abi::issueCall {
    let kind = Kind::Permission.code();
    abi::issueCall { kind, owner: SOMEBODY, key: KEY, value: U256::from(3), destination: TO, expiry: 0 }
}

#[tokio::test]
async fn a_right_and_an_asset_are_brought_across_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(&configuration(folder.path(), ""));
    assert_eq!(node.ready["carrier"], Value::Null);
    let (from, to) = (Chain::of(&node, "from"), Chain::of(&node, "to"));
    let (origin, here) = (["--rpc", &from.url], ["--rpc", &to.url]);
    let file = folder.path().join("proof");
    let file = file.to_str().unwrap();
    let owner = SOMEBODY.to_string();
    let key = KEY.to_string();
    let right = ["--kind", "permission", "--owner", &owner, "--key", &key];

    assert!(weave(&[&["roots"], &here[..]].concat())["origins"].as_array().unwrap().is_empty());
    from.certified(1).await;
    let link = [&["link", "--origin-rpc", &from.url], &here[..]].concat();
    refused(&[&link[..], &["--committee-root", &key]].concat(), "ask who runs that chain");
    refused(&[&["link", "--origin-rpc", &to.url], &here[..]].concat(), "both ends are chain 4302");
    let linked = weave(&link);
    assert_eq!(linked["calls"].as_array().unwrap().len(), 2, "{linked}");
    let again = weave(&[&link[..], &["--committee-root", linked["committeeRoot"].as_str().unwrap()]].concat());
    assert!(again["calls"].as_array().unwrap().is_empty(), "what is so already is not sent: {again}");
    to.rule(Kind::Permission, KEY).await;

    let issued = from.send(&issue(), U256::ZERO).await;
    from.certified(issued).await;
    let proven = weave(&[&["prove", "--out", file], &right[..], &origin[..]].concat());
    assert_eq!((&proven["kind"], &proven["certified"]), (&"permission".into(), &true.into()), "{proven}");
    assert!(!to.may().await);
    let accepted = weave(&[&["accept", file], &here[..]].concat());
    assert_eq!(accepted["call"], "accept");
    assert!(to.may().await);
    refused(&[&["accept", file], &here[..]].concat(), "Duplicate");
    // To where nobody believes its origin, and by somebody who cannot sign.
    refused(&[&["accept", file], &origin[..]].concat(), "NoRule");
    refused(&[&["accept", file, "--key-file", "/nowhere/key"], &here[..]].concat(), "cannot read the key file");
    refused(&[&["accept", folder.path().join("caldera.toml").to_str().unwrap()], &here[..]].concat(), "no unit proof");

    let units = weave(&[&["units", "--owner", &owner], &origin[..]].concat());
    let unit = &units["issued"][0];
    assert_eq!((&unit["state"], &unit["value"], &unit["id"]), (&"issued".into(), &"0x3".into(), &proven["id"]));
    let units = weave(&[&["units", "--owner", &owner], &here[..]].concat());
    assert_eq!((&units["held"][0]["state"], &units["held"][0]["id"]), (&"counts".into(), &proven["id"]), "{units}");
    let roots = weave(&[&["roots"], &here[..]].concat());
    let known = &roots["origins"][0];
    assert_eq!((&known["chainId"], &known["frozen"]), (&FROM.into(), &false.into()));
    let height = known["roots"][0]["height"].as_u64().unwrap();
    assert!(height >= issued && known["latestHeight"] == height, "{roots}");
    let block = from.rpc.block(height).await.unwrap().unwrap().header;
    assert_eq!(known["roots"][0]["stateRoot"], block.inner.state_root.to_string());

    // It ends: by the proof that it is not there, which goes through standard output.
    let revoke = abi::revokeCall { kind: Kind::Permission.code(), owner: SOMEBODY, key: KEY };
    let revoked = from.send(&revoke, U256::ZERO).await;
    from.certified(revoked).await;
    let absent = weave(&[&["prove"], &right[..], &origin[..]].concat());
    assert_eq!(absent["unit"], Value::Null);
    std::fs::write(file, absent.to_string()).unwrap();
    assert_eq!(weave(&[&["accept", file], &here[..]].concat())["call"], "end");
    assert!(!to.may().await);
    let units = weave(&[&["units", "--owner", &owner], &here[..]].concat());
    assert!(units["held"][0]["state"].as_str().unwrap().starts_with("ended at "), "{units}");
    // Without the name of the right nobody can tell what ended.
    let nameless = weave(&[&["prove", "--unit", absent["id"].as_str().unwrap()], &origin[..]].concat());
    std::fs::write(file, nameless.to_string()).unwrap();
    refused(&[&["accept", file], &here[..]].concat(), "--kind, --owner and --key");

    // An asset goes there and comes home.
    weave(&[&["link", "--origin-rpc", &to.url], &origin[..]].concat());
    let (asset, amount) = (asset_id(FROM, Address::ZERO), U256::from(5_000));
    to.rule(Kind::Asset, asset).await;
    let recipient = dev::governor().unwrap().address();
    let lock = abi::lockCall { token: Address::ZERO, amount, destination: TO, recipient };
    let locked = from.send(&lock, amount).await;
    from.certified(locked).await;
    let cross = |from: &[&str], to: &[&str], state: &str| {
        let units = weave(&[&["units"], from].concat());
        let sent = units["issued"].as_array().unwrap().iter().find(|unit| unit["kind"] == "asset").unwrap().clone();
        assert_eq!(sent["state"], "sent");
        weave(&[&["prove", "--out", file, "--unit", sent["id"].as_str().unwrap()], from].concat());
        assert_eq!(weave(&[&["accept", file], to].concat())["call"], state);
    };
    cross(&origin, &here, "mint");
    let units = weave(&[&["units", "--owner", &recipient.to_string()], &here[..]].concat());
    let held = units["held"].as_array().unwrap().iter().find(|unit| unit["kind"] == "asset").unwrap().clone();
    assert_eq!((&held["value"], &held["key"]), (&"0x1388".into(), &asset.to_string().into()));
    let burnt = to.send(&abi::burnCall { asset, amount, recipient: SOMEBODY }, U256::ZERO).await;
    to.certified(burnt).await;
    cross(&here, &origin, "unlock");
    let balance: U256 =
        from.rpc.request("eth_getBalance", jsonrpsee_core::rpc_params![SOMEBODY, "latest"]).await.unwrap();
    assert_eq!(balance, amount);
}

#[tokio::test]
async fn a_configured_node_carries_between_its_chains() {
    let folder = tempfile::tempdir().unwrap();
    let links = "[weave]\nheartbeat = 20\nkey-file = \"keys/carrier\"\n[[weave.links]]\norigin = \"from\"\ndestination = \"to\"";
    std::fs::create_dir(folder.path().join("keys")).unwrap();
    let file = configuration(folder.path(), links);
    let first = node(&file);
    // It has nothing yet to pay with, and says so.
    assert_eq!(first.ready["carrier"]["needsFundsOn"], serde_json::json!(["to"]), "{}", first.ready);
    let carrier: Address = first.ready["carrier"]["address"].as_str().unwrap().parse().unwrap();
    assert!(folder.path().join("keys/carrier").is_file() && !folder.path().join("data/carrier.key").exists());
    let (from, to) = (Chain::of(&first, "from"), Chain::of(&first, "to"));
    from.certified(1).await;
    weave(&["link", "--origin-rpc", &from.url, "--rpc", &to.url]);
    to.rule(Kind::Permission, KEY).await;
    from.send(&issue(), U256::ZERO).await;
    to.pay(carrier).await;
    to.until(abi::permissionCall { owner: SOMEBODY, key: KEY }, |granted| *granted).await;
    // The heartbeat brings roots that no unit needs.
    let known = to.rpc.call(ENGINE, abi::originOfCall { chainId: FROM }).await.unwrap().latestHeight;
    to.until(abi::originOfCall { chainId: FROM }, |origin| origin.latestHeight > known + 19).await;
    let token = std::fs::read_to_string(folder.path().join("data/admin-token")).unwrap();
    let metric = |name: &str| {
        let page = get(first.admin(), "/metrics", Some(token.trim()));
        let series = format!("{name}{{origin=\"from\",destination=\"to\"}} ");
        let value = page.lines().find_map(|line| line.strip_prefix(&series)?.parse::<f64>().ok());
        value.unwrap_or_else(|| panic!("no {series} in\n{page}"))
    };
    let began = Instant::now();
    while metric("caldera_weave_units_carried_total") < 1.0 || metric("caldera_weave_units_open") > 0.0 {
        assert!(began.elapsed() < WITHIN, "what was carried is not counted");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(metric("caldera_weave_carry_seconds_total") > 0.0 && metric("caldera_weave_lag_seconds") == 0.0);
    assert_eq!(metric("caldera_weave_units_given_up_total"), 0.0);
    // Only one way was configured.
    assert!(!folder.path().join("data/weave_links/to-from.json").exists());
    first.kill();

    let second = node(&file);
    assert_eq!(second.ready["carrier"]["needsFundsOn"], serde_json::json!([]));
    let (from, to) = (Chain::of(&second, "from"), Chain::of(&second, "to"));
    from.send(&abi::revokeCall { kind: Kind::Permission.code(), owner: SOMEBODY, key: KEY }, U256::ZERO).await;
    to.until(abi::permissionCall { owner: SOMEBODY, key: KEY }, |granted| !granted).await;
    assert_eq!(second.signal("TERM").0.code(), Some(0));
}

#[test]
fn what_cannot_be_carried_stops_the_node_at_its_start() {
    let link = "[[weave.links]]\norigin = \"from\"\ndestination = \"to\"";
    let elsewhere = format!("[weave]\nengine = \"{}\"\n{link}", Address::repeat_byte(9));
    let (bad, open) = ("[weave]\nkey-file = \"bad\"\n", "[weave]\nkey-file = \"open\"\n");
    let cases = [
        (
            elsewhere,
            "chain 'from', which has no weave engine, or not at the address that engine of [weave] names: mount",
        ),
        (format!("{bad}{link}"), "key-file of [weave]: "),
        (format!("{bad}{link}"), "bad holds no carrier key (64 hexadecimal digits)"),
        (format!("{open}{link}"), "open can be read by others: its mode must be 0600"),
    ];
    for (more, words) in cases {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in [("bad", 0o600), ("open", 0o644)] {
            let path = folder.path().join(name);
            std::fs::write(&path, if name == "bad" { "no key".to_owned() } else { hex::encode(KEY) }).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        }
        let file = configuration(folder.path(), &more);
        let (code, out, error) = run(&["node", "--config", file.to_str().unwrap()]);
        assert_eq!((code, out.as_str()), (1, ""), "{error}");
        assert!(error.contains(words), "{error}");
    }
}
