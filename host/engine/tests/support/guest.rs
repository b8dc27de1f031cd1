//! Guests as core WebAssembly text, made components by wit-component from the real WIT.
//!
//! Memory map of each guest: the arguments of `call` come as a pointer to `call-env` (176 bytes) and the input's pointer
//! and length at 176 and 180; 16 is the area of results; text stands at 1024; the bump allocator starts at 4096.

use caldera_types::Component;
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{PackageId, Resolve};

/// Every import of the world `engine`, as core WebAssembly sees it.
pub const ALL_IMPORTS: &str = r#"
    (import "caldera:engine/state@0.1.0" "get" (func $get (param i32 i32 i32)))
    (import "caldera:engine/state@0.1.0" "set" (func $set (param i32 i32 i32 i32)))
    (import "caldera:engine/state@0.1.0" "remove" (func $remove (param i32 i32)))
    (import "caldera:engine/evm@0.1.0" "call" (func $raw_call (param i64 i64 i32 i64 i64 i64 i64 i32 i32 i64 i32)))
    (import "caldera:engine/evm@0.1.0" "static-call" (func $raw_static_call (param i64 i64 i32 i32 i32 i64 i32)))
    (import "caldera:engine/evm@0.1.0" "emit" (func $emit (param i32 i32 i32 i32)))
    (import "caldera:engine/evm@0.1.0" "balance" (func $raw_balance (param i64 i64 i32 i32)))
    (import "caldera:engine/crypto@0.1.0" "keccak256" (func $keccak (param i32 i32 i32)))
    (import "caldera:engine/crypto@0.1.0" "recover-secp256k1" (func $raw_recover (param i64 i64 i64 i64 i32 i32 i32)))
    (import "caldera:engine/crypto@0.1.0" "verify-ed25519" (func $raw_ed25519 (param i64 i64 i64 i64 i32 i32 i32 i32) (result i32)))
    (import "caldera:engine/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#;

/// What the world `verifier` adds. Apart, because an import that is there costs a little even if nobody calls it.
pub const VERIFY_IMPORTS: &str = r#"
    (import "caldera:verify/bls@0.1.0" "verify" (func $bls (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "caldera:verify/bls@0.1.0" "fast-aggregate-verify" (func $bls_all (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "caldera:verify/bls@0.1.0" "verify-possession" (func $bls_possession (param i32 i32 i32 i32) (result i32)))
    (import "caldera:verify/mpt@0.1.0" "get" (func $raw_mpt (param i64 i64 i64 i64 i32 i32 i32 i32 i32)))"#;

/// The imports that take words, with pointers to them instead: address or word first, everything else as it is.
const HELPERS: &str = r#"
    (func $evm_call (param $to i32) (param $value i32) (param i32 i32 i64 i32)
        (call $raw_call (i64.load (local.get $to)) (i64.load offset=8 (local.get $to)) (i32.load offset=16 (local.get $to))
            (i64.load (local.get $value)) (i64.load offset=8 (local.get $value))
            (i64.load offset=16 (local.get $value)) (i64.load offset=24 (local.get $value))
            (local.get 2) (local.get 3) (local.get 4) (local.get 5)))
    (func $static_call (param $to i32) (param i32 i32 i64 i32)
        (call $raw_static_call
            (i64.load (local.get $to)) (i64.load offset=8 (local.get $to)) (i32.load offset=16 (local.get $to))
            (local.get 1) (local.get 2) (local.get 3) (local.get 4)))
    (func $balance (param $of i32) (param i32)
        (call $raw_balance
            (i64.load (local.get $of)) (i64.load offset=8 (local.get $of)) (i32.load offset=16 (local.get $of)) (local.get 1)))
    (func $recover (param $digest i32) (param i32 i32 i32)
        (call $raw_recover (i64.load (local.get $digest)) (i64.load offset=8 (local.get $digest))
            (i64.load offset=16 (local.get $digest)) (i64.load offset=24 (local.get $digest))
            (local.get 1) (local.get 2) (local.get 3)))
    (func $ed25519 (param $key i32) (param i32 i32 i32 i32) (result i32)
        (call $raw_ed25519 (i64.load (local.get $key)) (i64.load offset=8 (local.get $key))
            (i64.load offset=16 (local.get $key)) (i64.load offset=24 (local.get $key))
            (local.get 1) (local.get 2) (local.get 3) (local.get 4)))"#;

const VERIFY_HELPERS: &str = r#"
    (func $mpt (param $root i32) (param i32 i32 i32 i32 i32)
        (call $raw_mpt (i64.load (local.get $root)) (i64.load offset=8 (local.get $root))
            (i64.load offset=16 (local.get $root)) (i64.load offset=24 (local.get $root))
            (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5)))"#;

/// A guest whose parts can be replaced. Bodies may use `$in` and `$len` (the input of `call`) and call `$ok` and `$err`
/// (pointer, length), which give the pointer to a result; `migrate` has `$from`, `$to` and its cursor as input, `$more` (cursor,
/// length, done, total) and `$fail` (message, length).
#[derive(Clone, Debug)]
pub struct Guest {
    pub imports: String,
    pub memory: String,
    /// Runs at the start of `cabi_realloc`, whenever the host hands the guest a list.
    pub realloc: String,
    pub helpers: String,
    pub extra: String,
    pub describe: String,
    pub init: String,
    pub configure: String,
    pub migrate: String,
    pub call: String,
    pub begin_block: String,
    pub end_block: String,
    pub start: String,
}

impl Default for Guest {
    /// Echoes its input.
    fn default() -> Self {
        let done = "(i32.store8 (i32.const 16) (i32.const 0)) (i32.const 16)";
        Self {
            imports: String::new(),
            memory: "2".into(),
            realloc: String::new(),
            helpers: String::new(),
            extra: String::new(),
            describe: describe(1024, 5, 1029, 5),
            init: done.into(),
            configure: done.into(),
            migrate:
                "(i32.store8 (i32.const 16) (i32.const 0)) (i32.store8 (i32.const 24) (i32.const 0)) (i32.const 16)"
                    .into(),
            call: "(call $ok (local.get $in) (local.get $len))".into(),
            begin_block: done.into(),
            end_block: done.into(),
            start: String::new(),
        }
    }
}

/// A body of `describe` with name and version at these places.
pub fn describe(name: u32, name_len: u32, version: u32, version_len: u32) -> String {
    format!(
        "(i32.store (i32.const 16) (i32.const {name})) (i32.store (i32.const 20) (i32.const {name_len}))
         (i32.store (i32.const 24) (i32.const {version})) (i32.store (i32.const 28) (i32.const {version_len}))
         (i32.store (i32.const 32) (i32.const 3))
         (i32.store (i32.const 36) (i32.const 1034)) (i32.store (i32.const 40) (i32.const 2))
         (i32.store8 (i32.const 44) (i32.const 1)) (i32.store8 (i32.const 45) (i32.const 0))
         (i32.const 16)"
    )
}

impl Guest {
    /// A guest that may import everything and whose `call` is this body.
    pub fn calling(body: &str) -> Self {
        Self { imports: ALL_IMPORTS.into(), helpers: HELPERS.into(), call: body.into(), ..Self::default() }
    }

    /// The same, and it may verify.
    pub fn verifying(body: &str) -> Self {
        let (imports, helpers) = ([ALL_IMPORTS, VERIFY_IMPORTS].concat(), [HELPERS, VERIFY_HELPERS].concat());
        Self { imports, helpers, call: body.into(), ..Self::default() }
    }

    /// The core module as text.
    pub fn text(&self) -> String {
        let Self {
            imports,
            memory,
            realloc,
            helpers,
            extra,
            describe,
            init,
            configure,
            migrate,
            call,
            begin_block,
            end_block,
            start,
        } = self;
        format!(
            r#"(module {imports}
            (memory (export "memory") {memory})
            (global $next (mut i32) (i32.const 4096))
            (data (i32.const 1024) "guest1.2.3[]")
            {helpers}
            {extra}
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
                {realloc}
                (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                (global.set $next (i32.add (local.get $at) (local.get 3)))
                (local.get $at))
            (func $ok (param i32 i32) (result i32)
                (i32.store8 (i32.const 16) (i32.const 0))
                (i32.store (i32.const 20) (local.get 0)) (i32.store (i32.const 24) (local.get 1)) (i32.const 16))
            (func $err (param i32 i32) (result i32)
                (i32.store8 (i32.const 16) (i32.const 1))
                (i32.store (i32.const 20) (local.get 0)) (i32.store (i32.const 24) (local.get 1)) (i32.const 16))
            (func (export "describe") (result i32) {describe})
            (func (export "init") (param $in i32) (param $len i32) (result i32) {init})
            (func (export "configure") (param $in i32) (param $len i32) (result i32) {configure})
            (func $more (param i32 i32 i64 i64) (result i32)
                (i32.store8 (i32.const 16) (i32.const 0)) (i32.store8 (i32.const 24) (i32.const 1))
                (i32.store (i32.const 32) (local.get 0)) (i32.store (i32.const 36) (local.get 1))
                (i64.store (i32.const 40) (local.get 2)) (i64.store (i32.const 48) (local.get 3)) (i32.const 16))
            (func $fail (param i32 i32) (result i32)
                (i32.store8 (i32.const 16) (i32.const 1))
                (i32.store (i32.const 24) (local.get 0)) (i32.store (i32.const 28) (local.get 1)) (i32.const 16))
            (func (export "migrate") (param $from i32) (param $to i32) (param $in i32) (param $len i32) (result i32) {migrate})
            (func (export "call") (param $args i32) (result i32)
                (local $in i32) (local $len i32) (local $i i32) (local $n i32) (local $x i64)
                (local.set $in (i32.load (i32.add (local.get $args) (i32.const 176))))
                (local.set $len (i32.load (i32.add (local.get $args) (i32.const 180))))
                {call})
            (func (export "begin-block") (param i64 i64 i64 i64 i64 i64 i64) (result i32) {begin_block})
            (func (export "end-block") (param i64 i64 i64 i64 i64 i64 i64 i32 i64) (result i32) {end_block})
            {start})"#
        )
    }

    /// The component's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        encode(&self.text())
    }

    /// The component.
    pub fn component(&self) -> Component {
        Component::new(self.bytes()).expect("guests are small")
    }
}

/// Makes a component of a core module's text.
pub fn encode(text: &str) -> Vec<u8> {
    encode_module(wat::parse_str(text).expect("the guest is valid text"))
}

/// Where the contract lies.
pub const WIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/caldera-engine@0.1.0");
/// Where the interfaces of engines that verify lie.
const WIT_VERIFY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/caldera-verify@0.1.0");

/// Makes a component of a core module.
pub fn encode_module(module: Vec<u8>) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_path(WIT).expect("the WIT is valid");
    let (package, _) = resolve.push_path(WIT_VERIFY).expect("the WIT is valid");
    encode_in(&resolve, package, "verifier", module)
}

/// The same for a contract of the test's own.
pub fn encode_of(resolve: &Resolve, package: PackageId, module: Vec<u8>) -> Vec<u8> {
    encode_in(resolve, package, "engine", module)
}

fn encode_in(resolve: &Resolve, package: PackageId, world: &str, mut module: Vec<u8>) -> Vec<u8> {
    let world = resolve.select_world(&[package], Some(world)).expect("the world is there");
    wit_component::embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)
        .expect("the world can be embedded");
    ComponentEncoder::default()
        .validate(false)
        .module(&module)
        .and_then(|encoder| encoder.encode())
        .expect("the guest fits the world")
}
