//! What is sent: signed transactions of many accounts, made before anything is measured.

use std::{
    fs::File,
    io::{BufWriter, Write},
    ops::Range,
    path::Path,
    thread,
};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, address, hex, keccak256};
use alloy_sol_types::{SolCall, SolValue, sol};
use secp256k1::{Message, SecretKey, global::SECP256K1};

/// EIP-155 chain id of both nodes.
pub const CHAIN_ID: u64 = 4_200;
/// Where the ERC-20 contract lies from block 0.
pub const TOKEN: Address = address!("0x7070707070707070707070707070707070707070");
/// Where the engine is mounted.
pub const HELLO: Address = address!("0x0000000000000000000000000000000000004E11");

sol! {
    interface Token {
        event Transfer(address indexed from, address indexed to, uint256 value);
        function transfer(address to, uint256 value) external returns (bool);
        function balanceOf(address holder) external view returns (uint256);
    }
    interface Hello {
        function greet(string name) external returns (string);
    }
}

/// What each transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Pays another of the accounts.
    Transfer,
    /// Sends it a token (ERC-20).
    Token,
    /// Calls an engine that counts and emits an event.
    Engine,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Transfer, Self::Token, Self::Engine];

    pub fn name(self) -> &'static str {
        match self {
            Self::Transfer => "transfers",
            Self::Token => "ERC-20 transfers",
            Self::Engine => "engine calls",
        }
    }

    /// A node without engines has no answer to their calls.
    pub fn is_ethereum(self) -> bool {
        self != Self::Engine
    }

    fn transaction(self, to: Address, nonce: u64) -> TxEip1559 {
        let (to, value, gas_limit, input) = match self {
            Self::Transfer => (to, U256::ONE, 21_000, Bytes::new()),
            Self::Token => {
                let call = Token::transferCall { to, value: U256::ONE };
                (TOKEN, U256::ZERO, 70_000, call.abi_encode().into())
            }
            Self::Engine => {
                let call = Hello::greetCall { name: "bench".into() };
                (HELLO, U256::ZERO, 150_000, call.abi_encode().into())
            }
        };
        TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit,
            // Whatever anvil's base fee comes to in some minutes of full blocks; Caldera's does not rise (`base-fee-elasticity`).
            max_fee_per_gas: 1_000_000_000_000_000,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(to),
            value,
            access_list: Default::default(),
            input,
        }
    }
}

/// The key of an account.
fn key(index: u64) -> SecretKey {
    let secret = keccak256(format!("an account of the bench, number {index}"));
    SecretKey::from_byte_array(secret.0).expect("a hash is below the order of the curve but once in 2^128")
}

/// The addresses of the first accounts.
pub fn addresses(count: u64) -> Vec<Address> {
    in_parts(count, |index| {
        let public = key(index).public_key(SECP256K1).serialize_uncompressed();
        Address::from_raw_public_key(&public[1..])
    })
}

/// The runtime code of the ERC-20 contract.
pub fn token_code() -> Vec<u8> {
    hex::decode(include_str!("token.hex").trim()).expect("the fixture is hexadecimal")
}

/// Where the contract keeps the balance of an account: `mapping(address => uint256)` at slot 0.
pub fn token_slot(of: Address) -> B256 {
    keccak256((of, U256::ZERO).abi_encode())
}

/// Signs transactions of some of the accounts, in the order in which they go out: the next nonce of each in turn, from the
/// transaction of that number on. Each is a length of two bytes and the bytes.
pub fn write(path: &Path, kind: Kind, accounts: &[Address], of: Range<u64>, which: Range<u64>) -> std::io::Result<()> {
    let many = of.end - of.start;
    let raw = in_parts(which.end - which.start, |place| {
        let place = which.start + place;
        let (from, nonce) = (of.start + place % many, place / many);
        // Another account each time, so that all of them change.
        let to = accounts[((from + 1 + nonce * 7_919) % accounts.len() as u64) as usize];
        let tx = kind.transaction(to, nonce);
        let digest = Message::from_digest(tx.signature_hash().0);
        let (id, bytes) = SECP256K1.sign_ecdsa_recoverable(digest, &key(from)).serialize_compact();
        let signature = Signature::from_bytes_and_parity(&bytes, i32::from(id) == 1);
        TxEnvelope::from(tx.into_signed(signature)).encoded_2718()
    });
    let mut file = BufWriter::new(File::create(path)?);
    for tx in raw {
        file.write_all(&u16::try_from(tx.len()).expect("they are short").to_le_bytes())?;
        file.write_all(&tx)?;
    }
    file.flush()
}

/// Makes many things on all processors.
fn in_parts<T: Send>(count: u64, make: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let part = count.div_ceil(threads).max(1);
    thread::scope(|scope| {
        let part_of = |thread: u64| (thread * part)..((thread + 1) * part).min(count);
        let make = &make;
        let parts: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || part_of(thread).map(make).collect::<Vec<_>>())).collect();
        parts.into_iter().flat_map(|part| part.join().expect("no part panics")).collect()
    })
}
