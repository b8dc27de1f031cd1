//! What the tests share: a chain that makes a block when told to, with one engine and one ERC-20 on it, and its clients.

#[path = "../../../engine/tests/support/guest.rs"]
#[allow(dead_code, reason = "the engine's own tests use more of it")]
mod guest;

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope, TxLegacy};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, hex};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolConstructor, sol};
use caldera_api::{ApiHandle, ApiLimits, ApiServer};
use caldera_chain::{Chain, ChainSpec, ExecutedBlock, PoolOptions};
use caldera_engine::{EngineOptions, Engines};
use caldera_execution::{Genesis, GenesisAccount, GenesisMount};
use caldera_state::{Backend, StateOptions};
use caldera_types::{BlockEnv, Component, EngineLimits, Grants, limits::BLOCK_GAS};
use jsonrpsee_core::{ClientError, client::ClientT, params::ArrayParams};
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use jsonrpsee_types::ErrorObjectOwned;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::TempDir;

pub const CHAIN_ID: u64 = 4201;
/// Where the engine is: its first input byte says what it does, see [`engine`].
pub const ENGINE: Address = address!("00000000000000000000000000000000000e0001");
/// Input that makes the engine loop until its gas is gone.
pub const LOOP: u8 = 1;
/// Input that makes the engine trap.
pub const TRAP: u8 = 2;
/// Input that makes the engine revert with that input.
pub const REVERT: u8 = 3;
/// Input that makes the engine store it under itself, and leave a log of it.
pub const STORE: u8 = 4;
/// Input that makes the engine call the address behind it, whatever comes of that.
pub const CALL: u8 = 5;
/// Wei of each funded account.
pub const FUNDS: u64 = 10_000_000_000_000_000_000;
pub const GWEI: u128 = 1_000_000_000;

sol! {
    /// `examples/contracts/Token.sol`, as far as it is called here.
    contract Token {
        error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
        event Transfer(address indexed from, address indexed to, uint256 value);
        constructor(string name_, string symbol_, uint8 decimals_, address[] holders, uint256[] amounts);
        function transfer(address to, uint256 amount) external returns (bool);
        function balanceOf(address holder) external view returns (uint256);
    }
}

/// A chain behind a server.
pub struct Rig {
    pub chain: Arc<Chain>,
    pub server: ApiHandle,
    pub http: HttpClient,
    pub signer: PrivateKeySigner,
    _dir: TempDir,
}

impl Rig {
    pub fn new() -> Self {
        Self::with_limits(ApiLimits::recommended())
    }

    pub fn with_limits(limits: ApiLimits) -> Self {
        Self::of(limits, false)
    }

    /// A chain for development, which makes blocks when told to all the same.
    pub fn for_development() -> Self {
        Self::of(ApiLimits::recommended(), true)
    }

    fn of(limits: ApiLimits, development: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let signer = key(1);
        let funded = [signer.address(), key(2).address()];
        let chain = open("finance", CHAIN_ID, &dir, &funded, engines(), development);
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = ApiServer::serve(listen, vec![chain.clone()], limits).unwrap();
        let http = client(&server, "/");
        Self { chain, server, http, signer, _dir: dir }
    }

    /// Calls a method. `params` is an array.
    pub async fn try_rpc<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, ClientError> {
        self.http.request(method, positional(params)).await
    }

    /// The same; it must succeed.
    pub async fn rpc<T: DeserializeOwned>(&self, method: &str, params: Value) -> T {
        match self.try_rpc(method, params).await {
            Ok(answer) => answer,
            Err(error) => panic!("{method}: {error}"),
        }
    }

    /// The same; the server must answer with an error.
    pub async fn refused(&self, method: &str, params: Value) -> ErrorObjectOwned {
        match self.try_rpc::<Value>(method, params).await {
            Err(ClientError::Call(error)) => error,
            other => panic!("{method}: expected an error of the server, got {other:?}"),
        }
    }

    /// Sends a transaction of the first account through the API.
    pub async fn send(&self, tx: TxEip1559) -> B256 {
        self.rpc("eth_sendRawTransaction", serde_json::json!([raw(&sign(tx, &self.signer))])).await
    }

    /// Makes the next block.
    pub fn mine(&self) -> Arc<ExecutedBlock> {
        let next = self.chain.head().block.header.timestamp + 1;
        self.chain.produce_block(next, Duration::from_secs(5)).unwrap()
    }

    /// Deploys the token with nonce 0, all of it the first account's, and gives back its address.
    pub async fn deploy_token(&self, supply: u64) -> Address {
        let artifact = include_str!("../../../../examples/contracts/out/Token.json");
        let artifact: Value = serde_json::from_str(artifact).unwrap();
        let arguments = Token::constructorCall {
            name_: "Test".into(),
            symbol_: "TST".into(),
            decimals_: 6,
            holders: vec![self.signer.address()],
            amounts: vec![U256::from(supply)],
        };
        let code = hex::decode(artifact["bytecode"].as_str().unwrap()).unwrap();
        let input = [code, arguments.abi_encode()].concat();
        self.send(TxEip1559 {
            to: TxKind::Create,
            input: input.into(),
            value: U256::ZERO,
            gas_limit: 3_000_000,
            ..tx(0)
        })
        .await;
        self.mine();
        self.signer.address().create(0)
    }
}

/// A client of the chain at a path.
pub fn client(server: &ApiHandle, path: &str) -> HttpClient {
    HttpClientBuilder::default().build(format!("http://{}{path}", server.addr())).unwrap()
}

/// A chain with the engine on it, the given accounts funded, at its genesis.
pub fn chain(name: &str, chain_id: u64, dir: &TempDir, funded: &[Address]) -> Arc<Chain> {
    chain_on(name, chain_id, dir, funded, engines())
}

fn engines() -> Engines {
    Engines::new(EngineOptions { instances: 32 }).unwrap()
}

/// The same on a given engine runtime.
pub fn chain_on(name: &str, chain_id: u64, dir: &TempDir, funded: &[Address], engines: Engines) -> Arc<Chain> {
    open(name, chain_id, dir, funded, engines, false)
}

fn open(
    name: &str,
    chain_id: u64,
    dir: &TempDir,
    funded: &[Address],
    engines: Engines,
    development: bool,
) -> Arc<Chain> {
    let account = || GenesisAccount { balance: U256::from(FUNDS), ..Default::default() };
    let env = BlockEnv {
        chain_id,
        number: 0,
        timestamp_s: 1_700_000_000,
        prev_randao: B256::ZERO,
        beneficiary: Address::repeat_byte(0xbe),
        gas_limit: BLOCK_GAS,
        base_fee: GWEI as u64,
        fees: Default::default(),
        rules: Default::default(),
    };
    let mount = GenesisMount {
        address: ENGINE,
        component: engine().component(),
        grants: Grants::ALL,
        limits: EngineLimits::recommended(),
        config: Bytes::new(),
    };
    let genesis = Genesis {
        env,
        governor: funded[0],
        accounts: funded.iter().map(|address| (*address, account())).collect(),
        mounts: vec![mount],
        imported: None,
        development,
    };
    let spec = ChainSpec {
        name: name.into(),
        genesis,
        block_interval: Duration::from_millis(50),
        pool: PoolOptions::recommended(),
    };
    let options = StateOptions { backend: Backend::Memory, ..StateOptions::recommended() };
    Chain::open(spec, &dir.path().join(name), options, engines, &mut |_| {}).unwrap()
}

/// An engine that loops, traps, reverts or echoes when called, and leaves a log without topics in every block.
fn engine() -> guest::Guest {
    let body = "(if (i32.eq (i32.load8_u (local.get $in)) (i32.const 1)) (then (loop $again (br $again))))
         (if (i32.eq (i32.load8_u (local.get $in)) (i32.const 2)) (then (unreachable)))
         (if (i32.eq (i32.load8_u (local.get $in)) (i32.const 3))
             (then (return (call $err (local.get $in) (local.get $len)))))
         (if (i32.eq (i32.load8_u (local.get $in)) (i32.const 4)) (then
             (call $set (local.get $in) (local.get $len) (local.get $in) (local.get $len))
             (call $emit (i32.const 0) (i32.const 0) (local.get $in) (local.get $len))))
         (if (i32.eq (i32.load8_u (local.get $in)) (i32.const 5)) (then
             (call $evm_call (i32.add (local.get $in) (i32.const 1)) (i32.const 2048)
                 (i32.const 0) (i32.const 0) (i64.const 200000) (i32.const 3072))))
         (call $ok (local.get $in) (local.get $len))";
    let silent = guest::Guest::calling(body);
    let log = "(call $emit (i32.const 0) (i32.const 0) (i32.const 1024) (i32.const 5))";
    guest::Guest { begin_block: format!("{log} {}", silent.begin_block), ..silent }
}

/// A component that no chain has yet.
pub fn another_component() -> Component {
    guest::Guest { memory: "3".into(), ..engine() }.component()
}

/// One of the test keys.
pub fn key(n: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(n)).unwrap()
}

/// A plain transfer of one wei with this nonce; tests change what they are about.
pub fn tx(nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 10 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        value: U256::ONE,
        ..Default::default()
    }
}

/// A call of a contract with this nonce.
pub fn call(nonce: u64, to: Address, input: impl Into<Bytes>) -> TxEip1559 {
    TxEip1559 { to: TxKind::Call(to), input: input.into(), value: U256::ZERO, gas_limit: 1_000_000, ..tx(nonce) }
}

pub fn sign(tx: TxEip1559, signer: &PrivateKeySigner) -> TxEnvelope {
    let signature = signer.sign_hash_sync(&tx.signature_hash()).unwrap();
    tx.into_signed(signature).into()
}

/// Signs any kind of transaction.
pub fn sign_any<T: SignableTransaction<alloy_primitives::Signature>>(tx: T, signer: &PrivateKeySigner) -> TxEnvelope
where
    alloy_consensus::Signed<T>: Into<TxEnvelope>,
{
    let signature = signer.sign_hash_sync(&tx.signature_hash()).unwrap();
    tx.into_signed(signature).into()
}

pub fn sign_legacy(tx: TxLegacy, signer: &PrivateKeySigner) -> TxEnvelope {
    let signature = signer.sign_hash_sync(&tx.signature_hash()).unwrap();
    tx.into_signed(signature).into()
}

/// As wallets send it.
pub fn raw(tx: &TxEnvelope) -> Bytes {
    tx.encoded_2718().into()
}

/// Positional parameters out of a JSON array.
pub fn positional(params: Value) -> ArrayParams {
    let mut positional = ArrayParams::new();
    for param in params.as_array().expect("parameters are an array") {
        positional.insert(param).unwrap();
    }
    positional
}

/// A WebSocket that sends one message and reads only what it is told to.
pub fn raw_socket(rig: &Rig, message: &str) -> TcpStream {
    let mut socket = TcpStream::connect(rig.server.addr()).unwrap();
    write!(
        socket,
        "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    socket.write_all(&frame(message)).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    socket
}

/// A text message of a WebSocket's client in one frame (RFC 6455, section 5.2), masked with zeros.
pub fn frame(message: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match message.len() {
        short @ ..=125 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(message.as_bytes());
    frame
}
