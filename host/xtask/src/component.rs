//! From a core module to a component: encodes, makes it lean, validates, and proves that it asks for nothing but the engine
//! contract.

mod allocator;
mod lean;
mod memory;
mod parts;

use crate::error::{Error, Result};
use wit_component::ComponentEncoder;
use wit_parser::{
    WorldItem,
    decoding::{DecodedWasm, decode},
};

/// The only packages that a component may import from. What else it wanted would not link on any node.
const CONTRACT: [&str; 2] = ["caldera:engine/", "caldera:verify/"];

/// Encodes the module as a component.
pub fn encode(name: &str, module: &[u8]) -> Result<Vec<u8>> {
    let bad = |problem: String| Error::Component { name: name.to_owned(), problem };
    let encoded = ComponentEncoder::default().validate(true).module(module).and_then(|encoder| encoder.encode());
    let bytes = encoded.map_err(|error| {
        bad(format!(
            "cannot be encoded as a component: {error:#}. An import that is not in WIT comes from a dependency that \
                     expects an operating system or JavaScript; turn that feature off"
        ))
    })?;
    let bytes = match lean::lean(&bytes).map_err(|problem| bad(format!("cannot be made lean: {problem}")))? {
        Some(lean) => {
            wasmparser_wit::validate(&lean).map_err(|error| bad(format!("is not valid once it is lean: {error}")))?;
            lean
        }
        None => bytes,
    };
    check_world(&bytes).map_err(bad)?;
    Ok(bytes)
}

/// The component's imports and exports, as it declares them itself.
fn check_world(bytes: &[u8]) -> Result<(), String> {
    let DecodedWasm::Component(resolve, world) = decode(bytes).map_err(|error| format!("cannot be read: {error:#}"))?
    else {
        return Err("is a WIT package, not a component".into());
    };
    let world = &resolve.worlds[world];
    // A type that is named in the world is no capability; what it comes from is an import of its own.
    let imports = world.imports.iter().filter(|(_, item)| !matches!(item, WorldItem::Type { .. }));
    let names = imports.map(|(key, _)| resolve.name_world_key(key));
    let foreign: Vec<_> = names.filter(|name| !CONTRACT.iter().any(|package| name.starts_with(package))).collect();
    if !foreign.is_empty() {
        let allowed = CONTRACT.map(|package| format!("{package}*")).join(" and ");
        return Err(format!("imports {}; an engine may import only {allowed}", foreign.join(", ")));
    }
    if world.exports.is_empty() {
        return Err("exports nothing; export the engine with the SDK's macro".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wit_component::{StringEncoding, embed_component_metadata};
    use wit_parser::Resolve;

    const HEADER: &[u8] = b"\0asm\x01\0\0\0";

    /// A section of a core module. All bodies here are shorter than 128 bytes, so that one byte holds the length.
    fn section(id: u8, body: &[u8]) -> Vec<u8> {
        [&[id, u8::try_from(body.len()).unwrap()], body].concat()
    }

    /// `(module (type (func)) (import INTERFACE "go" (func)) (func) (export "run" (func 1)))`
    fn module_importing(interface: &str) -> Vec<u8> {
        let name = [&[u8::try_from(interface.len()).unwrap()], interface.as_bytes()].concat();
        let import = [&[1], name.as_slice(), b"\x02go\0\0"].concat();
        let sections = [
            section(1, b"\x01\x60\0\0"),
            section(2, &import),
            section(3, b"\x01\0"),
            section(7, b"\x01\x03run\0\x01"),
            section(10, b"\x01\x02\0\x0b"),
        ];
        [HEADER.to_vec(), sections.concat()].concat()
    }

    /// Encodes `module` as an implementation of the one world in `wit`.
    fn encoded(wit: &str, mut module: Vec<u8>) -> Result<Vec<u8>> {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("test.wit", wit).unwrap();
        let world = resolve.select_world(&[package], None).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        encode("probe", &module)
    }

    fn check(wit: &str, module: Vec<u8>, want: Option<&str>) {
        match (encoded(wit, module), want) {
            (Ok(bytes), None) => assert!(bytes.starts_with(b"\0asm")),
            (Err(error), Some(want)) => assert!(error.to_string().contains(want), "{error}"),
            (got, want) => panic!("got {got:?}, want {want:?}"),
        }
    }

    #[test]
    fn only_the_contract_may_be_imported_and_something_must_be_exported() {
        let world = |package: &str| {
            format!(
                "package {package}; interface state {{ go: func(); }} world w {{ import state; export run: func(); }}"
            )
        };
        check(&world("caldera:engine@0.1.0"), module_importing("caldera:engine/state@0.1.0"), None);
        check(&world("bad:io"), module_importing("bad:io/state"), Some("imports bad:io/state"));
        check(&world("caldera:engine"), module_importing("env"), Some("cannot be encoded"));
        check("package caldera:engine@0.1.0; world engine {}", HEADER.to_vec(), Some("exports nothing"));
    }

    /// A guest as the SDK makes them: it imports a function that takes a list, exports one that gives a list, and has an arena.
    fn guest(arena: Option<i32>) -> Vec<u8> {
        use wasm_encoder::*;
        let mut types = TypeSection::new();
        types.ty().function([ValType::I32, ValType::I32], []);
        types.ty().function([], [ValType::I32]);
        types.ty().function([ValType::I32; 4], [ValType::I32]);
        let mut imports = ImportSection::new();
        imports.import("caldera:engine/state@0.1.0", "put", EntityType::Function(0));
        let mut functions = FunctionSection::new();
        functions.function(1).function(2);
        let mut memories = MemorySection::new();
        memories.memory(MemoryType { minimum: 2, maximum: None, memory64: false, shared: false, page_size_log2: None });
        let mut globals = GlobalSection::new();
        let constant = GlobalType { val_type: ValType::I32, mutable: false, shared: false };
        globals.global(constant, &ConstExpr::i32_const(arena.unwrap_or(0)));
        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0).export("run", ExportKind::Func, 1);
        exports.export("cabi_realloc", ExportKind::Func, 2);
        if arena.is_some() {
            exports.export(lean::ARENA, ExportKind::Global, 0);
        }
        let mut code = CodeSection::new();
        let body = |instructions: &[Instruction<'_>]| {
            let mut function = Function::new([]);
            for instruction in instructions {
                function.instruction(instruction);
            }
            function
        };
        code.function(&body(&[
            Instruction::I32Const(8),
            Instruction::I32Const(0),
            Instruction::Call(0),
            Instruction::I32Const(16),
            Instruction::End,
        ]));
        code.function(&body(&[Instruction::I32Const(64), Instruction::End]));
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::i32_const(32), *b"what it begins with");
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&memories).section(&globals);
        module.section(&exports).section(&code).section(&data);
        module.finish()
    }

    /// Core modules of a component, and how many tables they have in all.
    fn modules(component: &[u8]) -> (Vec<&[u8]>, u32) {
        let (mut modules, mut tables) = (Vec::new(), 0);
        for payload in wasmparser_wit::Parser::new(0).parse_all(component) {
            match payload.unwrap() {
                wasmparser_wit::Payload::ModuleSection { unchecked_range, .. } => {
                    modules.push(memory::slice(component, unchecked_range));
                }
                wasmparser_wit::Payload::TableSection(section) => tables += section.count(),
                _ => {}
            }
        }
        (modules, tables)
    }

    #[test]
    fn a_guest_with_an_arena_becomes_two_modules_without_a_table() {
        let wit = "package caldera:engine@0.1.0;
            interface state { put: func(value: list<u8>); }
            world w { import state; export run: func() -> list<u8>; }";
        let contains = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        let lean = encoded(wit, guest(Some(1_024))).unwrap();
        let (found, tables) = modules(&lean);
        assert_eq!((found.len(), tables), (2, 0));
        assert!(contains(found[0], "what it begins with") && !contains(found[1], "what it begins with"));
        assert!(contains(found[1], lean::MODULE));
        assert_eq!(encoded(wit, guest(Some(1_024))).unwrap(), lean, "the same bytes each time");
        // Without an arena it stays as wit-component made it: the guest, its stubs and what fills them.
        let plain = encoded(wit, guest(None)).unwrap();
        let (found, tables) = modules(&plain);
        assert_eq!((found.len(), tables > 0), (3, true));
    }

    #[test]
    fn what_is_not_wasm_is_refused_by_name() {
        let error = encode("broken", b"nonsense").unwrap_err().to_string();
        assert!(error.starts_with("plugin `broken`: cannot be encoded"), "{error}");
    }
}
