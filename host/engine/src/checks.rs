//! Static limits of a component, checked before anything is compiled: compile time is in the author's hands.
//!
//! Reads the sections in order without validating them; what is malformed beyond this is the compiler's to refuse. The
//! numbers follow CosmWasm's static validation (`packages/vm/src/parsed_wasm.rs`) where it has them.

use caldera_types::{Grants, Interface, limits::MAX_COMPONENT_BYTES};
use wasmparser::{
    BinaryReaderError, CanonicalOption, ComponentExternalKind, ComponentImport, ComponentTypeRef, CompositeInnerType,
    Encoding, FunctionBody, Operator, Parser, Payload,
};

use crate::{
    error::Rejection,
    imports::{TYPES, import_name},
};

/// The limits. Consensus: a component over one of them is rejected by every node.
pub mod limits {
    /// Core modules in a component; wit-component writes three.
    pub const MODULES: u32 = 8;
    /// Components inside a component. They could hand each other strings, which the runtime copies without taking fuel;
    /// wit-component writes none for this world.
    pub const NESTED_COMPONENTS: u32 = 0;
    /// Component and instance types inside one type section; wit-component writes a few. The parser follows them by
    /// recursion, so without a limit a few hundred kilobytes overflow the stack of the node.
    pub const NESTED_TYPES: u32 = 100;
    /// Core instances of a component when it runs.
    pub const CORE_INSTANCES: u32 = 8;
    /// Linear memories of a component.
    pub const MEMORIES: u32 = 2;
    /// Tables of a component.
    pub const TABLES: u32 = 4;
    /// Entries of one table.
    pub const TABLE_ELEMENTS: u32 = 10_000;
    /// Functions over all modules.
    pub const FUNCTIONS: u32 = 20_000;
    /// Parameters or results of one function.
    pub const PARAMS: u32 = 100;
    /// Locals of one function, parameters left out.
    pub const LOCALS: u32 = 1_000;
    /// Code of one function, in bytes.
    pub const FUNCTION_BYTES: u32 = 256 * 1024;
    /// Blocks, loops and conditions of one function, one in the other. The compiler takes time by the square of it: 120 kB
    /// of loops alone keep it busy for half a minute. LLVM writes one for each arm of a `match` at most.
    pub const NESTED_BLOCKS: u32 = 1_000;
    /// For each function its blocks times its locals and its deepest nesting, over all functions: what the compiler's time
    /// is made of when it is not the size of the code. 2 million take about a second; the clearing engine, 276 kB, has
    /// 98 thousand. Without this limit 2 MB of code take a minute and more.
    pub const BLOCK_WORK: u64 = 16_000_000;
    /// Globals over all modules.
    pub const GLOBALS: u32 = 1_000;
    /// Imports of one module or of the component.
    pub const IMPORTS: u32 = 100;
    /// Exports of one module or of the component.
    pub const EXPORTS: u32 = 1_000;
    /// Types, over all modules and components.
    pub const TYPES: u32 = 10_000;
    /// Data and element segments over all modules.
    pub const SEGMENTS: u32 = 20_000;
}

/// The exports that the world asks for.
const EXPORTS: [&str; 7] = ["describe", "init", "configure", "migrate", "call", "begin-block", "end-block"];

/// Checks the bytes of a component that is to run under `grants`.
pub(crate) fn check(bytes: &[u8], grants: Grants) -> Result<(), Rejection> {
    at_most("component bytes", bytes.len() as u64, MAX_COMPONENT_BYTES as u64)?;
    if Parser::is_core_wasm(bytes) {
        return Err(Rejection::NotAComponent("this is a core module".to_owned()));
    }
    if !Parser::is_component(bytes) {
        return Err(Rejection::NotAComponent("it does not begin like WebAssembly".to_owned()));
    }
    let mut count = Count::default();
    let mut whole = false;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(malformed)?;
        whole |= matches!(payload, Payload::End(_)) && count.depth == 1;
        if let Payload::ComponentTypeSection(section) = &payload {
            nested_types(bytes.get(section.range()).unwrap_or(bytes))?;
        }
        count.payload(payload, grants)?;
    }
    if !whole {
        return Err(Rejection::NotAComponent("it is cut off".to_owned()));
    }
    match EXPORTS.iter().zip(count.exported).find(|(_, is)| !is) {
        Some((name, _)) => Err(Rejection::WrongWorld(format!("export '{name}' is missing"))),
        None => Ok(()),
    }
}

/// What was counted so far.
#[derive(Default)]
struct Count {
    depth: u32,
    modules: u32,
    components: u32,
    memories: u32,
    tables: u32,
    functions: u32,
    globals: u32,
    types: u32,
    segments: u32,
    block_work: u64,
    exported: [bool; EXPORTS.len()],
}

impl Count {
    /// Counts one section and judges it.
    fn payload(&mut self, payload: Payload<'_>, grants: Grants) -> Result<(), Rejection> {
        match payload {
            Payload::Version { encoding, .. } => {
                self.depth += 1;
                match encoding {
                    Encoding::Module => add("core modules", &mut self.modules, 1, limits::MODULES)?,
                    Encoding::Component if self.depth > 1 => {
                        add("nested components", &mut self.components, 1, limits::NESTED_COMPONENTS)?
                    }
                    Encoding::Component => {}
                }
            }
            Payload::End(_) => self.depth -= 1,
            Payload::TypeSection(section) => {
                add("types", &mut self.types, section.count(), limits::TYPES)?;
                for group in section {
                    for ty in group.map_err(malformed)?.into_types() {
                        if let CompositeInnerType::Func(func) = ty.composite_type.inner {
                            at_most("parameters of a function", func.params().len() as u64, limits::PARAMS.into())?;
                            at_most("results of a function", func.results().len() as u64, limits::PARAMS.into())?;
                        }
                    }
                }
            }
            Payload::ComponentTypeSection(section) => add("types", &mut self.types, section.count(), limits::TYPES)?,
            Payload::CoreTypeSection(section) => add("types", &mut self.types, section.count(), limits::TYPES)?,
            Payload::ImportSection(section) => at_most("imports", section.count().into(), limits::IMPORTS.into())?,
            Payload::FunctionSection(section) => {
                add("functions", &mut self.functions, section.count(), limits::FUNCTIONS)?
            }
            Payload::TableSection(section) => {
                add("tables", &mut self.tables, section.count(), limits::TABLES)?;
                for table in section {
                    let initial = table.map_err(malformed)?.ty.initial;
                    at_most("entries of a table", initial, limits::TABLE_ELEMENTS.into())?;
                }
            }
            Payload::MemorySection(section) => {
                add("memories", &mut self.memories, section.count(), limits::MEMORIES)?;
                for memory in section {
                    let initial = memory.map_err(malformed)?.initial;
                    at_most("initial memory pages", initial, caldera_types::limits::MAX_MEMORY_PAGES.into())?;
                }
            }
            Payload::GlobalSection(section) => add("globals", &mut self.globals, section.count(), limits::GLOBALS)?,
            Payload::ExportSection(section) => at_most("exports", section.count().into(), limits::EXPORTS.into())?,
            Payload::ElementSection(section) => add("segments", &mut self.segments, section.count(), limits::SEGMENTS)?,
            Payload::DataSection(section) => add("segments", &mut self.segments, section.count(), limits::SEGMENTS)?,
            Payload::CodeSectionEntry(body) => {
                self.block_work = self.block_work.saturating_add(function(&body)?);
                at_most("blocks times locals and nesting", self.block_work, limits::BLOCK_WORK)?;
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    canonical(function.map_err(malformed)?)?;
                }
            }
            Payload::ComponentImportSection(section) => {
                at_most("imports", section.count().into(), limits::IMPORTS.into())?;
                if self.depth == 1 {
                    for import in section {
                        import_is_granted(&import.map_err(malformed)?, grants)?;
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                at_most("exports", section.count().into(), limits::EXPORTS.into())?;
                if self.depth == 1 {
                    for export in section {
                        let export = export.map_err(malformed)?;
                        if let (Some(index), ComponentExternalKind::Func) =
                            (EXPORTS.iter().position(|name| *name == export.name.name), export.kind)
                        {
                            self.exported[index] = true;
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Judges one function body, and gives its blocks times its locals and its deepest nesting.
fn function(body: &FunctionBody<'_>) -> Result<u64, Rejection> {
    at_most("bytes of a function", body.as_bytes().len() as u64, limits::FUNCTION_BYTES.into())?;
    let mut locals = 0u64;
    for group in body.get_locals_reader().map_err(malformed)? {
        locals = locals.saturating_add(group.map_err(malformed)?.0.into());
    }
    at_most("locals of a function", locals, limits::LOCALS.into())?;
    let (blocks, deepest) = blocks(body)?;
    Ok(blocks.saturating_mul(locals + deepest))
}

/// The blocks of a function, and how deep they are nested, which is judged.
fn blocks(body: &FunctionBody<'_>) -> Result<(u64, u64), Rejection> {
    let (mut blocks, mut depth, mut deepest) = (0u64, 0u64, 0u64);
    for operator in body.get_operators_reader().map_err(malformed)? {
        match operator.map_err(malformed)? {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. } => {
                blocks += 1;
                depth += 1;
                deepest = deepest.max(depth);
                at_most("nested blocks of a function", depth, limits::NESTED_BLOCKS.into())?;
            }
            // The last one ends the function.
            Operator::End | Operator::Delegate { .. } => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok((blocks, deepest))
}

/// Judges how deep types may be nested, without following them: counts where a declaration begins a component or an
/// instance type. Bytes that only look like that count too, so this may be too high and never too low.
fn nested_types(section: &[u8]) -> Result<(), Rejection> {
    let nested = section.windows(2).filter(|pair| matches!(pair, [0x01, 0x41 | 0x42])).count();
    at_most("nested types", nested as u64, limits::NESTED_TYPES.into())
}

/// Functions go in and out, and nothing else: a handle of a resource would take the host's memory for a few units of fuel.
///
/// Strings cross the border as UTF-8: other encodings would make the host transcode without limit.
fn canonical(function: wasmparser::CanonicalFunction) -> Result<(), Rejection> {
    let options = match &function {
        wasmparser::CanonicalFunction::Lift { options, .. } | wasmparser::CanonicalFunction::Lower { options, .. } => {
            options
        }
        _ => return Err(Rejection::WrongWorld("it has no resources, tasks or threads".to_owned())),
    };
    match options.iter().any(|option| matches!(option, CanonicalOption::UTF16 | CanonicalOption::CompactUTF16)) {
        true => Err(Rejection::WrongWorld("strings must be UTF-8".to_owned())),
        false => Ok(()),
    }
}

/// An import must be an interface of ours and granted. Names for types that the component spells out itself (what `use`
/// in a world becomes) ask for nothing.
fn import_is_granted(import: &ComponentImport<'_>, grants: Grants) -> Result<(), Rejection> {
    let name = import.name.name;
    if name == TYPES || matches!(import.ty, ComponentTypeRef::Type(wasmparser::TypeBounds::Eq(_))) {
        return Ok(());
    }
    match Interface::ALL.into_iter().find(|interface| name == import_name(*interface)) {
        Some(interface) if grants.allows(interface) => Ok(()),
        Some(interface) => {
            Err(Rejection::NotGranted { interface: import_name(interface), granted: grants.to_string() })
        }
        None => Err(Rejection::WrongWorld(format!("import '{name}' is not part of it"))),
    }
}

/// Adds to a count and judges it.
fn add(what: &'static str, count: &mut u32, more: u32, most: u32) -> Result<(), Rejection> {
    *count = count.saturating_add(more);
    at_most(what, (*count).into(), most.into())
}

/// Rejects what is over a limit.
pub(crate) fn at_most(what: &'static str, is: u64, most: u64) -> Result<(), Rejection> {
    if is > most { Err(Rejection::Limit { what, is, most }) } else { Ok(()) }
}

/// Sections that cannot be read.
fn malformed(error: BinaryReaderError) -> Rejection {
    Rejection::NotAComponent(format!("{} at byte {}", error.message(), error.offset()))
}
