//! Guests as core WebAssembly text, made components by wit-component from the real WIT.
//!
//! Memory map of each guest: the arguments of `call` come as a pointer to `call-env` (80 bytes) and the input's pointer
//! and length at 80 and 84; 16 is the area of results; text stands at 1024; the bump allocator starts at 4096.

use caldera_types::Component;
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

/// Every import of the world, as core WebAssembly sees it.
pub const ALL_IMPORTS: &str = r#"
    (import "caldera:engine/state@0.1.0" "get" (func $get (param i32 i32 i32)))
    (import "caldera:engine/state@0.1.0" "set" (func $set (param i32 i32 i32 i32)))
    (import "caldera:engine/state@0.1.0" "remove" (func $remove (param i32 i32)))
    (import "caldera:engine/evm@0.1.0" "call" (func $evm_call (param i32 i32 i32 i32 i32 i32 i64 i32)))
    (import "caldera:engine/evm@0.1.0" "static-call" (func $static_call (param i32 i32 i32 i32 i64 i32)))
    (import "caldera:engine/evm@0.1.0" "emit" (func $emit (param i32 i32 i32 i32)))
    (import "caldera:engine/evm@0.1.0" "balance" (func $balance (param i32 i32 i32)))
    (import "caldera:engine/crypto@0.1.0" "keccak256" (func $keccak (param i32 i32 i32)))
    (import "caldera:engine/crypto@0.1.0" "recover-secp256k1" (func $recover (param i32 i32 i32 i32 i32)))
    (import "caldera:engine/crypto@0.1.0" "verify-ed25519" (func $ed25519 (param i32 i32 i32 i32 i32 i32) (result i32)))
    (import "caldera:engine/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#;

/// A guest whose parts can be replaced. Bodies may use `$in` and `$len` (the input of `call`) and call `$ok` and `$err`
/// (pointer, length), which give the pointer to a result; `migrate` has `$from`, `$to` and its cursor as input, `$more` (cursor,
/// length, done, total) and `$fail` (message, length).
#[derive(Clone, Debug)]
pub struct Guest {
    pub imports: String,
    pub memory: String,
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
        Self { imports: ALL_IMPORTS.into(), call: body.into(), ..Self::default() }
    }

    /// The core module as text.
    pub fn text(&self) -> String {
        let Self { imports, memory, extra, describe, init, configure, migrate, call, begin_block, end_block, start } =
            self;
        format!(
            r#"(module {imports}
            (memory (export "memory") {memory})
            (global $next (mut i32) (i32.const 4096))
            (data (i32.const 1024) "guest1.2.3[]")
            {extra}
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
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
                (local.set $in (i32.load (i32.add (local.get $args) (i32.const 80))))
                (local.set $len (i32.load (i32.add (local.get $args) (i32.const 84))))
                {call})
            (func (export "begin-block") (param i64 i64 i64 i32 i32) (result i32) {begin_block})
            (func (export "end-block") (param i64 i64 i64 i32 i32 i32 i64) (result i32) {end_block})
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

/// Makes a component of a core module.
pub fn encode_module(mut module: Vec<u8>) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/caldera-engine@0.1.0");
    let (package, _) = resolve.push_path(wit).expect("the WIT is valid");
    let world = resolve.select_world(&[package], Some("engine")).expect("the world is there");
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("the world can be embedded");
    ComponentEncoder::default()
        .validate(false)
        .module(&module)
        .and_then(|encoder| encoder.encode())
        .expect("the guest fits the world")
}
