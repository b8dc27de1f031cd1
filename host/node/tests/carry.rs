//! Units carried between the chains of a live node: nobody does anything at the destination, and a crash loses nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, U256, address};
use alloy_sol_types::SolCall;
use caldera_node::{
    dev::{self, ALLIANCE, ARENA, FINANCE, WEAVE},
    rpc::{Endpoint, Rpc, Sender, Watch},
};
use support::Dev;
use weave_rules::{
    abi::Weave::{self as abi, Rule},
    unit::{Kind, asset_id},
};

const SOMEBODY: Address = address!("00000000000000000000000000000000000A11CE");
const WITHIN: Duration = Duration::from_secs(20);
const GAS: u64 = 1_000_000;

struct Chain {
    rpc: Rpc,
    id: u64,
}

impl Chain {
    fn of(node: &Dev, (name, id): (&str, u64)) -> Self {
        Self { rpc: Rpc::new(Endpoint::of(node.url(), name)).unwrap(), id }
    }

    async fn send(&self, call: &impl SolCall, wei: U256) {
        let mut sender = Sender::ask(&self.rpc, dev::governor().unwrap()).await.unwrap();
        let mut watch = Watch::from_head(&self.rpc).await.unwrap();
        let tx = sender.sign(WEAVE, wei, call.abi_encode().into(), GAS).unwrap();
        watch.settle(&[tx], WITHIN).await.unwrap();
    }

    async fn rule(&self, origin: &Self, kind: Kind, key: B256) {
        let rule = Rule { localKey: key, maxStaleness: 0, expiryCap: 0, cap: U256::ZERO };
        self.send(&abi::setRuleCall { origin: origin.id, kind: kind.code(), key, rule }, U256::ZERO).await;
    }

    async fn until<C: SolCall + Clone>(&self, call: C, want: impl Fn(&C::Return) -> bool) -> Duration {
        let began = Instant::now();
        while !want(&self.rpc.call(WEAVE, call.clone()).await.unwrap()) {
            assert!(began.elapsed() < WITHIN, "it never came: {}", C::SIGNATURE);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        began.elapsed()
    }
}

fn issue(key: B256, destination: u64) -> abi::issueCall {
    let kind = Kind::Permission.code();
    abi::issueCall { kind, owner: SOMEBODY, key, value: U256::ONE, destination, expiry: 0 }
}

#[tokio::test]
async fn the_chains_know_each_other_once_the_node_is_ready_and_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let mut sent = Vec::new();
    for start in 0..2 {
        let node = Dev::start(Some(data.path()));
        for (place, name) in [FINANCE, ARENA, ALLIANCE].into_iter().enumerate() {
            let chain = Chain::of(&node, name);
            assert_eq!(chain.rpc.call(WEAVE, abi::governorCall {}).await.unwrap(), dev::governor().unwrap().address());
            let mounts = node.ready["chains"][place]["mounts"].as_array().unwrap();
            let weave = mounts.iter().find(|mount| mount["address"] == WEAVE.to_string()).unwrap();
            assert!(weave["name"].as_str().unwrap().starts_with("weave "), "{weave}");
            let mut roots = Vec::new();
            for (_, chain_id) in [FINANCE, ARENA, ALLIANCE].into_iter().filter(|(_, id)| *id != name.1) {
                let origin = chain.rpc.call(WEAVE, abi::originOfCall { chainId: chain_id }).await.unwrap();
                assert_eq!((origin.engine, origin.epoch), (WEAVE, 0));
                roots.push(origin.committeeRoot);
                let committee =
                    chain.rpc.call(WEAVE, abi::committeeOfCall { chainId: chain_id, epoch: 0 }).await.unwrap();
                for member in committee[12..].chunks(76) {
                    let owner = Address::from_slice(&member[56..]);
                    let bond = chain.rpc.call(WEAVE, abi::bondOfCall { owner }).await.unwrap();
                    assert!(bond.amount > U256::ZERO, "{owner} has no bond");
                }
            }
            assert!(roots[0] == roots[1] && !roots[0].is_zero());
            // Account 0 used no nonce for it, and the linker none the second time.
            let linker = alloy_signer_local::MnemonicBuilder::try_from_phrase_nth(dev::MNEMONIC, 10).unwrap().address();
            let nonces = chain.rpc.nonces(&[dev::governor().unwrap().address(), linker], "latest").await.unwrap();
            assert_eq!(nonces[0], 0);
            if start == 0 {
                sent.push(nonces[1]);
            } else {
                assert_eq!(nonces[1], sent[place], "what was done was done again");
            }
        }
        node.kill();
    }
}

#[tokio::test]
async fn rights_and_assets_cross_by_themselves_and_a_crash_loses_nothing() {
    let data = tempfile::tempdir().unwrap();
    let node = Dev::start(Some(data.path()));
    let (from, to) = (Chain::of(&node, FINANCE), Chain::of(&node, ARENA));
    let (key, early) = (B256::repeat_byte(1), B256::repeat_byte(2));
    to.rule(&from, Kind::Permission, key).await;
    let permission = |key| abi::permissionCall { owner: SOMEBODY, key };
    from.send(&issue(key, to.id), U256::ZERO).await;
    let took = to.until(permission(key), |granted| *granted).await;
    println!("from receipt to permission: {} ms", took.as_millis());
    from.send(&abi::revokeCall { kind: Kind::Permission.code(), owner: SOMEBODY, key }, U256::ZERO).await;
    to.until(permission(key), |granted| !*granted).await;

    // Issued before there is a rule for it: it waits, over a crash.
    from.send(&issue(early, to.id), U256::ZERO).await;
    let (asset, amount) = (asset_id(from.id, Address::ZERO), U256::from(1_000_000));
    to.rule(&from, Kind::Asset, asset).await;
    let lock = abi::lockCall {
        token: Address::ZERO,
        amount,
        destination: to.id,
        recipient: dev::governor().unwrap().address(),
    };
    from.send(&lock, amount).await;
    node.kill();

    let node = Dev::start(Some(data.path()));
    let (from, to) = (Chain::of(&node, FINANCE), Chain::of(&node, ARENA));
    to.rule(&from, Kind::Permission, early).await;
    to.until(permission(early), |granted| *granted).await;
    let minted = abi::mintedOfCall { asset };
    to.until(minted.clone(), |minted| *minted == amount).await;
    to.send(&abi::burnCall { asset, amount, recipient: SOMEBODY }, U256::ZERO).await;
    let locked = abi::lockedForCall { destination: to.id, asset };
    from.until(locked, |locked| locked.is_zero()).await;
    assert!(to.rpc.call(WEAVE, minted).await.unwrap().is_zero());
    let balance: U256 =
        from.rpc.request("eth_getBalance", jsonrpsee_core::rpc_params![SOMEBODY, "latest"]).await.unwrap();
    assert_eq!(balance, amount);
    let mode = std::fs::metadata(data.path().join("carrier.key")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o600);
}
