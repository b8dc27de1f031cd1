//! A component of two core instances instead of three and a table.
//!
//! Imports that pass lists are lowered with the guest's memory, and the guest that has it imports them: a circle. wit-component
//! cuts it with a module of stubs and one that fills their table afterwards; each call of an engine then sets up three
//! instances. Here the memory moves to a module of its own, with the data that it begins with (which the host maps instead of
//! copying) and an allocator for what the host hands over. It takes from the same arena as the guest's own allocator, whose
//! head the guest exports as [`ARENA`]; `sdk-guest/src/arena.rs` has the same code in Rust.
//!
//! What a component is to its host (imports, exports, types) stays as it was, section by section. A guest that is not built
//! with the SDK has no arena and is left as it is.

use std::collections::BTreeMap;

use super::{
    memory::{self, ALLOCATE, MEMORY},
    parts::{Function, Instance, Old, Piece},
};
use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption, Component, ComponentAliasSection, ExportKind, InstanceSection,
    ModuleArg, RawSection,
};

/// The export of a guest by which it says where the head of its arena is.
pub const ARENA: &str = "caldera_arena";
/// The module that the guest imports its memory from.
pub const MODULE: &str = "caldera:memory";

/// Why a component could not be made lean.
pub type Problem = String;

/// The lean form of what wit-component made, or none if the guest has no arena.
pub fn lean(component: &[u8]) -> Result<Option<Vec<u8>>, Problem> {
    let old = Old::read(component)?;
    let main = old.modules.first().ok_or("there is no core module in it")?;
    match memory::split(main)? {
        Some(split) => write(&old, &split).map(Some),
        None => Ok(None),
    }
}

/// Everything again, with the core part in the place of the first export: all that it needs stands before.
fn write(old: &Old<'_>, split: &memory::Split) -> Result<Vec<u8>, Problem> {
    let first = old.pieces.iter().position(|piece| matches!(piece, Piece::Lift { .. }));
    let (before, exports) = old.pieces.split_at(first.unwrap_or(old.pieces.len()));
    let mut new = New::default();
    before.iter().try_for_each(|piece| new.piece(old, piece))?;
    new.core(old, split)?;
    exports.iter().try_for_each(|piece| new.piece(old, piece))?;
    Ok(new.component.finish())
}

/// The component being written. Core instance 0 holds the memory, which is core memory 0; core function 0 allocates in it.
#[derive(Default)]
struct New {
    component: Component,
    functions: u32,
    instances: u32,
    guest: u32,
}

impl New {
    fn piece(&mut self, old: &Old<'_>, piece: &Piece<'_>) -> Result<(), Problem> {
        match piece {
            Piece::Section(id, data) => drop(self.component.section(&RawSection { id: *id, data })),
            Piece::Alias { kind, instance, name } => {
                self.alias(Alias::InstanceExport { instance: *instance, kind: *kind, name });
            }
            Piece::Lift { function, ty, options } => {
                let lifted = self.guest_function(old, *function)?;
                let options = self.options(old, options)?;
                let mut section = CanonicalFunctionSection::new();
                section.lift(lifted, *ty, options);
                self.component.section(&section);
            }
        }
        Ok(())
    }

    /// The modules and their instances, with the guest's imports lowered in between.
    fn core(&mut self, old: &Old<'_>, split: &memory::Split) -> Result<(), Problem> {
        for module in [&split.memory, &split.guest] {
            self.component.section(&RawSection { id: 1, data: module });
        }
        let mut section = InstanceSection::new();
        section.instantiate::<_, &str>(0, []);
        self.component.section(&section);
        self.instances = 1;
        self.alias(Alias::CoreInstanceExport { instance: 0, kind: ExportKind::Memory, name: MEMORY });
        self.core_function(0, ALLOCATE);
        let given = old.instances.iter().find_map(|instance| match instance {
            Instance::Module { module: 0, given } => Some(given),
            _ => None,
        });
        let mut arguments = vec![(MODULE, ModuleArg::Instance(0))];
        for (name, index) in given.ok_or("the guest is never instantiated")? {
            let Some(Instance::Functions(functions)) = old.instances.get(*index as usize) else {
                return Err(format!("the guest imports {name}, which is not of functions"));
            };
            arguments.push((name, ModuleArg::Instance(self.imports(old, functions)?)));
        }
        let mut section = InstanceSection::new();
        section.instantiate(1, arguments);
        self.component.section(&section);
        self.guest = self.instances;
        self.instances += 1;
        Ok(())
    }

    /// Lowers the imports of one interface and makes an instance of them.
    fn imports(&mut self, old: &Old<'_>, functions: &BTreeMap<String, u32>) -> Result<u32, Problem> {
        let mut exports = Vec::new();
        let mut lowers = CanonicalFunctionSection::new();
        for (name, function) in functions {
            let Function::Lowered { function, options } = old.lowered(*function)? else { continue };
            lowers.lower(*function, self.options(old, options)?);
            exports.push((name.as_str(), ExportKind::Func, self.functions));
            self.functions += 1;
        }
        self.component.section(&lowers);
        let mut section = InstanceSection::new();
        section.export_items(exports);
        self.component.section(&section);
        self.instances += 1;
        Ok(self.instances - 1)
    }

    /// The same options with the memory and the allocator in their new places.
    fn options(
        &mut self,
        old: &Old<'_>,
        options: &[wasmparser_wit::CanonicalOption],
    ) -> Result<Vec<CanonicalOption>, Problem> {
        let mut new = Vec::new();
        for option in options {
            new.push(match option {
                wasmparser_wit::CanonicalOption::UTF8 => CanonicalOption::UTF8,
                wasmparser_wit::CanonicalOption::Memory(_) => CanonicalOption::Memory(0),
                wasmparser_wit::CanonicalOption::Realloc(_) => CanonicalOption::Realloc(0),
                wasmparser_wit::CanonicalOption::PostReturn(function) => {
                    CanonicalOption::PostReturn(self.guest_function(old, *function)?)
                }
                other => return Err(format!("the option {other:?} is unknown")),
            });
        }
        Ok(new)
    }

    /// An export of the guest.
    fn guest_function(&mut self, old: &Old<'_>, function: u32) -> Result<u32, Problem> {
        let Some(Function::Export { instance, name }) = old.functions.get(function as usize) else {
            return Err(format!("core function {function} is lifted, but is no export"));
        };
        match old.instances.get(*instance as usize) {
            Some(Instance::Module { module: 0, .. }) => Ok(self.core_function(self.guest, name)),
            _ => Err(format!("{name} is lifted, but is no export of the guest")),
        }
    }

    fn core_function(&mut self, instance: u32, name: &str) -> u32 {
        self.alias(Alias::CoreInstanceExport { instance, kind: ExportKind::Func, name });
        self.functions += 1;
        self.functions - 1
    }

    fn alias(&mut self, alias: Alias<'_>) {
        let mut section = ComponentAliasSection::new();
        section.alias(alias);
        self.component.section(&section);
    }
}
