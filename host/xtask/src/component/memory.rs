//! Splitting a guest in two: a module of memory, data and the host's allocator, and one of everything else.

use wasm_encoder::{
    CodeSection, Encode as _, EntityType, ExportKind, ExportSection, FunctionSection, MemorySection, MemoryType,
    Module, RawSection, TypeSection, ValType,
};
use wasmparser_wit::{DataKind, Operator, Parser, Payload};

use super::{
    allocator,
    lean::{ARENA, MODULE},
};

/// The export that holds the memory.
pub const MEMORY: &str = "memory";
/// The export by which the host allocates.
pub const ALLOCATE: &str = "cabi_realloc";

const DATA_SECTION: u8 = 11;
const DATA_COUNT_SECTION: u8 = 12;
const IMPORT_SECTION: u8 = 2;
const MEMORY_SECTION: u8 = 5;

/// The two modules.
pub struct Split {
    /// Memory, data, allocator.
    pub memory: Vec<u8>,
    /// Everything else; it imports the memory.
    pub guest: Vec<u8>,
}

/// What is needed of the guest.
#[derive(Default)]
struct Guest<'a> {
    memory: Option<wasmparser_wit::MemoryType>,
    memory_is_imported: bool,
    arena_global: Option<u32>,
    arena: Option<i32>,
    data: Option<&'a [u8]>,
    imports: Option<&'a [u8]>,
    sections: Vec<(u8, &'a [u8])>,
}

/// Splits a guest. None if it has no arena or does with its memory what cannot be moved.
pub fn split(module: &[u8]) -> Result<Option<Split>, String> {
    let Some(guest) = Guest::read(module)? else { return Ok(None) };
    let (Some(memory), Some(arena), false) = (guest.memory, guest.arena, guest.memory_is_imported) else {
        return Ok(None);
    };
    let memory = MemoryType {
        minimum: memory.initial,
        maximum: memory.maximum,
        memory64: memory.memory64,
        shared: memory.shared,
        page_size_log2: memory.page_size_log2,
    };
    Ok(Some(Split { memory: memory_module(memory, arena, guest.data), guest: guest.without_memory(memory) }))
}

impl<'a> Guest<'a> {
    fn read(module: &'a [u8]) -> Result<Option<Self>, String> {
        let mut guest = Self::default();
        let mut globals = Vec::new();
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload.map_err(|error| error.to_string())?;
            if let Some((id, range)) = payload.as_section() {
                guest.sections.push((id, slice(module, range)));
            }
            if !guest.payload(&payload, module, &mut globals).map_err(|error| error.to_string())? {
                return Ok(None);
            }
        }
        guest.arena = guest.arena_global.and_then(|index| *globals.get(index as usize)?);
        Ok(Some(guest))
    }

    /// False for what cannot be moved.
    fn payload(
        &mut self,
        payload: &Payload<'a>,
        module: &'a [u8],
        globals: &mut Vec<Option<i32>>,
    ) -> Result<bool, wasmparser_wit::BinaryReaderError> {
        match payload {
            Payload::ImportSection(section) => {
                self.imports = Some(slice(module, section.range()));
                for import in section.clone().into_imports() {
                    match import?.ty {
                        wasmparser_wit::TypeRef::Memory(_) => self.memory_is_imported = true,
                        wasmparser_wit::TypeRef::Global(_) => globals.push(None),
                        _ => {}
                    }
                }
            }
            Payload::MemorySection(section) => self.memory = section.clone().into_iter().next().transpose()?,
            Payload::GlobalSection(section) => {
                for global in section.clone() {
                    globals.push(constant(&global?.init_expr)?);
                }
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    if export.name == ARENA && export.kind == wasmparser_wit::ExternalKind::Global {
                        self.arena_global = Some(export.index);
                    }
                }
            }
            Payload::DataSection(section) => {
                self.data = Some(slice(module, section.range()));
                for data in section.clone() {
                    match data?.kind {
                        DataKind::Active { memory_index: 0, offset_expr } if constant(&offset_expr)?.is_some() => {}
                        _ => return Ok(false),
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                for operator in body.get_operators_reader()? {
                    if matches!(operator?, Operator::MemoryInit { .. } | Operator::DataDrop { .. }) {
                        return Ok(false);
                    }
                }
            }
            _ => {}
        }
        Ok(true)
    }

    /// The guest with its memory imported, behind what it imports already. No index changes: memories have a space of
    /// their own.
    fn without_memory(&self, memory: MemoryType) -> Vec<u8> {
        let mut module = Module::new();
        let mut imports = Some(self.imports_and(memory));
        for (id, data) in &self.sections {
            match *id {
                MEMORY_SECTION | DATA_SECTION | DATA_COUNT_SECTION => continue,
                IMPORT_SECTION => {
                    if let Some(data) = imports.take() {
                        module.section(&RawSection { id: IMPORT_SECTION, data: &data });
                    }
                    continue;
                }
                // Types (1) stand before imports; custom sections (0) anywhere.
                id if id > IMPORT_SECTION => {
                    if let Some(data) = imports.take() {
                        module.section(&RawSection { id: IMPORT_SECTION, data: &data });
                    }
                }
                _ => {}
            }
            module.section(&RawSection { id: *id, data });
        }
        module.finish()
    }

    fn imports_and(&self, memory: MemoryType) -> Vec<u8> {
        let (count, entries) = self.imports.map_or((0, &[][..]), counted);
        let mut data = Vec::new();
        (count + 1).encode(&mut data);
        data.extend_from_slice(entries);
        MODULE.encode(&mut data);
        MEMORY.encode(&mut data);
        EntityType::Memory(memory).encode(&mut data);
        data
    }
}

/// A range that the parser gave, of the bytes that it read.
pub fn slice(bytes: &[u8], range: std::ops::Range<u64>) -> &[u8] {
    let place = |offset: u64| usize::try_from(offset).map_or(bytes.len(), |offset| offset.min(bytes.len()));
    &bytes[place(range.start)..place(range.end)]
}

/// A section's count and the bytes behind it.
fn counted(section: &[u8]) -> (u32, &[u8]) {
    let mut reader = wasmparser_wit::BinaryReader::new(section, 0);
    // It was read before.
    let count = reader.read_var_u32().unwrap_or(0);
    (count, slice(section, reader.original_position()..u64::MAX))
}

/// The value of an expression that is one `i32.const`.
fn constant(expression: &wasmparser_wit::ConstExpr<'_>) -> Result<Option<i32>, wasmparser_wit::BinaryReaderError> {
    let mut operators = expression.get_operators_reader();
    Ok(match (operators.read()?, operators.read()?) {
        (Operator::I32Const { value }, Operator::End) => Some(value),
        _ => None,
    })
}

/// The module of memory, data and allocator.
fn memory_module(memory: MemoryType, arena: i32, data: Option<&[u8]>) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut memories = MemorySection::new();
    memories.memory(memory);
    let mut exports = ExportSection::new();
    exports.export(MEMORY, ExportKind::Memory, 0);
    exports.export(ALLOCATE, ExportKind::Func, 0);
    let mut code = CodeSection::new();
    code.function(&allocator::function(arena));
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
    if let Some(data) = data {
        module.section(&RawSection { id: DATA_SECTION, data });
    }
    module.finish()
}
