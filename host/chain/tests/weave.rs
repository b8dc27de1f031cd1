//! The weave engine on two real chains in one process: a right given on one is used by a Solidity contract on the other,
//! wei goes there and back, and each is proven by nothing but a certificate and EIP-1186 proofs.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, SolEvent, SolValue, sol};
use caldera_bls::{Domain, SecretKey, aggregate};
use caldera_chain::{Chain, ChainSpec, PoolOptions};
use caldera_execution::GenesisMount;
use caldera_state::StateOptions;
use caldera_testkit::{account, component, engines, genesis, sign_for};
use caldera_types::{BlsKey, Certificate, Committee, EngineLimits, Finality, Grants, Member, Statement, TxReceipt};
use weave_rules::{
    StateUnit,
    abi::Weave::{self as abi, Config, OriginConfig, Proof, Rule},
    place, unit,
};

sol! {
    contract Gate {
        event Entered(address indexed who, uint256 weight);
        function enter() external;
    }
}

const TIME: Duration = Duration::from_secs(5);
const GAS: u64 = 5_000_000;
const WEAVE: Address = Address::repeat_byte(0xea);
const KEY: B256 = B256::repeat_byte(0x4b);
const CHAINS: [u64; 2] = [4_301, 4_302];
/// Permission.
const KIND: u8 = 2;

/// The solc output of `examples/contracts`.
fn gate(weave: Address, key: B256) -> Bytes {
    let file = include_str!("../../../examples/contracts/out/WeaveGate.json");
    let json: serde_json::Value = serde_json::from_str(file).unwrap();
    let code: Bytes = json["bytecode"].as_str().unwrap().parse().unwrap();
    [code.to_vec(), (weave, key).abi_encode()].concat().into()
}

fn secrets() -> Vec<SecretKey> {
    (1..=4).map(|n| SecretKey::from_entropy(&[n; 32])).collect()
}

fn committee() -> Committee {
    let member = |secret: &SecretKey| Member {
        key: BlsKey::from(secret.public_key().to_bytes()),
        weight: 1,
        owner: account(9).address(),
    };
    Committee::new(1, secrets().iter().map(member).collect()).unwrap()
}

struct Node {
    chain: Arc<Chain>,
    id: u64,
    _dir: tempfile::TempDir,
}

impl Node {
    fn open(n: usize) -> Self {
        let (id, other) = (CHAINS[n], CHAINS[1 - n]);
        let members = secrets().into_iter().map(|secret| abi::Member {
            key: secret.public_key().to_bytes().into(),
            weight: 1,
            owner: account(9).address(),
            possession: secret.prove_possession().to_bytes().into(),
        });
        let config = Config {
            governor: account(0).address(),
            unbondSeconds: 100,
            rewardBps: 1_000,
            origins: vec![OriginConfig { chainId: other, engine: WEAVE, maxLag: 100 }],
            epoch: 1,
            committee: members.collect(),
        };
        let mut genesis = genesis(&[]);
        genesis.env.chain_id = id;
        genesis.mounts.push(GenesisMount {
            address: WEAVE,
            component: component("weave-v1"),
            grants: Grants::ALL,
            limits: EngineLimits::recommended(),
            config: config.abi_encode().into(),
        });
        let spec = ChainSpec {
            name: format!("chain-{id}"),
            genesis,
            block_interval: Duration::from_secs(60),
            pool: PoolOptions::recommended(),
        };
        let dir = tempfile::tempdir().unwrap();
        let chain = Chain::open(spec, dir.path(), StateOptions::recommended(), engines(), &mut |_| {}).unwrap();
        Self { chain, id, _dir: dir }
    }

    /// Sends a transaction and makes a block of it.
    fn send(&self, from: u8, to: TxKind, wei: u64, input: Bytes) -> TxReceipt {
        let nonce = self.chain.next_nonce(account(from).address()).unwrap();
        let tx = sign_for(self.id, &account(from), nonce, to, U256::from(wei), GAS, input);
        self.chain.submit(tx, Vec::new()).unwrap();
        self.chain.produce_block(1_700_000_000, TIME).unwrap().receipts.last().unwrap().clone()
    }

    #[track_caller]
    fn call(&self, from: u8, wei: u64, call: &impl SolCall) -> TxReceipt {
        let receipt = self.send(from, TxKind::Call(WEAVE), wei, call.abi_encode().into());
        assert!(receipt.succeeded(), "{receipt:?}");
        receipt
    }

    #[track_caller]
    fn refused(&self, from: u8, call: &impl SolCall) {
        let receipt = self.send(from, TxKind::Call(WEAVE), 0, call.abi_encode().into());
        assert!(!receipt.succeeded() && receipt.fault.is_none(), "{receipt:?}");
    }

    /// The newest block with a certificate, and the proof of a unit in it.
    fn certified(&self, unit: &StateUnit) -> (Proof, Bytes) {
        let head = self.chain.head();
        let header = &head.block.header;
        let statement = Statement {
            chain_id: self.id,
            height: header.number,
            block_hash: head.block.hash(),
            state_root: header.state_root,
            epoch: 1,
            committee_root: committee().root(),
            finality: Finality::Certified,
        };
        let signatures: Vec<_> =
            secrets()[..3].iter().map(|secret| secret.sign(Domain::Certificate, &statement.encode())).collect();
        let signature = aggregate(&signatures).unwrap().to_bytes().into();
        let certificate = Certificate { statement, bitmap: vec![0b111], signature };
        let proof = self.chain.proof(header.number, WEAVE, &[place::slot(unit::id(unit))]).unwrap();
        let join = |nodes: &[Bytes]| Bytes::from(nodes.concat());
        let proof = Proof {
            height: header.number,
            accountProof: join(&proof.proof),
            storageProof: join(&proof.storage[0].proof),
        };
        (proof, certificate.encode().into())
    }
}

/// The unit that a transaction issued.
fn issued(receipt: &TxReceipt) -> StateUnit {
    receipt.logs().iter().find_map(|log| abi::UnitIssued::decode_log(log).ok()).unwrap().data.unit
}

#[test]
fn a_right_of_one_chain_opens_a_gate_on_another() {
    let [a, b] = [0, 1].map(Node::open);
    let rule = Rule { localKey: KEY, maxStaleness: 0, expiryCap: 0, cap: U256::ZERO };
    b.call(0, 0, &abi::setRuleCall { origin: a.id, kind: KIND, key: KEY, rule });
    let deployed = b.send(0, TxKind::Create, 0, gate(WEAVE, KEY));
    let gate = deployed.contract_address.unwrap();
    let enter = |n: u8| b.send(n, TxKind::Call(gate), 0, Gate::enterCall {}.abi_encode().into());
    assert!(!enter(1).succeeded());

    let owner = account(1).address();
    let (value, destination) = (U256::from(7), b.id);
    let issue = abi::issueCall { kind: KIND, owner, key: KEY, value, destination, expiry: 0 };
    let unit = issued(&a.call(0, 0, &issue));
    let (proof, certificate) = a.certified(&unit);
    let forged = StateUnit { value: U256::from(8), ..unit.clone() };
    b.refused(1, &abi::acceptCall { unit: forged, proof: proof.clone(), certificate: certificate.clone() });
    let mut cut = proof.clone();
    cut.storageProof = Bytes::copy_from_slice(&proof.storageProof[..proof.storageProof.len() - 1]);
    b.refused(1, &abi::acceptCall { unit: unit.clone(), proof: cut, certificate: certificate.clone() });
    b.refused(1, &abi::acceptCall { unit: unit.clone(), proof: proof.clone(), certificate: Bytes::new() });
    // In one transaction: the certificate, the proof, the right.
    let accepted = b.call(2, 0, &abi::acceptCall { unit: unit.clone(), proof, certificate });
    println!("accept with a certificate of 4: {} gas", accepted.gas_used);
    let entered = enter(1);
    let event = Gate::Entered::decode_log(&entered.logs()[0]).unwrap();
    assert_eq!((event.who, event.weight), (owner, U256::from(7)));
    assert!(!enter(2).succeeded());

    a.call(0, 0, &abi::revokeCall { kind: KIND, owner, key: KEY });
    let (proof, certificate) = a.certified(&unit);
    b.call(3, 0, &abi::endCall { origin: a.id, kind: KIND, owner, key: KEY, proof, certificate });
    assert!(!enter(1).succeeded());
}

#[test]
fn wei_goes_there_and_back() {
    let [a, b] = [0, 1].map(Node::open);
    let asset = unit::asset_id(a.id, Address::ZERO);
    let rule = Rule { localKey: asset, maxStaleness: 0, expiryCap: 0, cap: U256::ZERO };
    b.call(0, 0, &abi::setRuleCall { origin: a.id, kind: 1, key: asset, rule });
    let recipient = Address::repeat_byte(0x5e);
    let (amount, owner) = (U256::from(1_000), account(1).address());
    let lock = abi::lockCall { token: Address::ZERO, amount, destination: b.id, recipient: owner };
    let unit = issued(&a.call(1, 1_000, &lock));
    let (proof, certificate) = a.certified(&unit);
    let mint = abi::mintCall { unit, proof, certificate };
    b.call(2, 0, &mint);
    b.refused(2, &mint);
    let unit = issued(&b.call(1, 0, &abi::burnCall { asset, amount, recipient }));
    let (proof, certificate) = b.certified(&unit);
    let unlock = abi::unlockCall { unit, proof, certificate };
    a.call(2, 0, &unlock);
    a.refused(2, &unlock);
    let balance = |of: Address| a.chain.proof(a.chain.head().number(), of, &[]).unwrap().account.unwrap().balance;
    assert_eq!((balance(recipient), balance(WEAVE)), (amount, U256::ZERO));
}

/// The place of a commitment is the one that the execution's layout gives.
#[test]
fn a_commitment_lies_where_the_rules_say() {
    let a = Node::open(0);
    let owner = account(1).address();
    let issue = abi::issueCall { kind: KIND, owner, key: KEY, value: U256::ONE, destination: 0, expiry: 0 };
    let unit = issued(&a.call(0, 0, &issue));
    let id = unit::id(&unit);
    let proof = a.chain.proof(a.chain.head().number(), WEAVE, &[place::slot(id)]).unwrap();
    let word = proof.storage[0].value.to_be_bytes::<32>();
    assert_eq!((&word[..31], word[31]), (unit::commitment(&unit).as_slice(), 62));
    assert_eq!(keccak256(unit::encode(&unit))[..31], word[..31]);
}
