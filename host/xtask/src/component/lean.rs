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

use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption, Component, ComponentAliasSection, ComponentExportKind,
    ExportKind, InstanceSection, ModuleArg, RawSection,
};
use wasmparser_wit::{CanonicalFunction, ComponentAlias, ComponentExternalKind, ExternalKind, Parser, Payload};

use super::memory::{self, ALLOCATE, MEMORY};

/// The export of a guest by which it says where the head of its arena is.
pub const ARENA: &str = "caldera_arena";
/// The module that the guest imports its memory from.
pub const MODULE: &str = "caldera:memory";

/// Why a component could not be made lean.
type Problem = String;

/// The lean form of what wit-component made, or none if the guest has no arena.
pub fn lean(component: &[u8]) -> Result<Option<Vec<u8>>, Problem> {
    let old = Old::read(component)?;
    let main = old.modules.first().ok_or("there is no core module in it")?;
    match memory::split(main)? {
        Some(split) => old.write(&split).map(Some),
        None => Ok(None),
    }
}

/// A core function of the component.
#[derive(Clone, Debug)]
enum Function {
    /// An export of a core instance.
    Export { instance: u32, name: String },
    /// An import of the component, lowered.
    Lowered { function: u32, options: Vec<wasmparser_wit::CanonicalOption> },
}

/// A core instance of the component.
enum Instance {
    /// Of a module, with what it is given by name.
    Module { module: u32, given: Vec<(String, u32)> },
    /// Of core functions (and a table, which only the stubs need).
    Functions(BTreeMap<String, u32>),
}

/// A piece of the component to be written again.
enum Piece<'a> {
    /// A section as it is.
    Section(u8, &'a [u8]),
    /// An alias of something that is not core.
    Alias { kind: ComponentExportKind, instance: u32, name: &'a str },
    /// An export of the guest, lifted.
    Lift { function: u32, ty: u32, options: Vec<wasmparser_wit::CanonicalOption> },
}

/// What wit-component made.
#[derive(Default)]
struct Old<'a> {
    modules: Vec<&'a [u8]>,
    instances: Vec<Instance>,
    functions: Vec<Function>,
    pieces: Vec<Piece<'a>>,
}

impl<'a> Old<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Problem> {
        let mut old = Self::default();
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(|error| error.to_string())?;
            match &payload {
                Payload::ModuleSection { unchecked_range, .. } => {
                    old.modules.push(memory::slice(bytes, unchecked_range.clone()));
                    depth += 1;
                }
                Payload::End(_) => depth -= 1,
                _ if depth == 0 => old.section(&payload, bytes)?,
                _ => {}
            }
        }
        Ok(old)
    }

    fn section(&mut self, payload: &Payload<'a>, bytes: &'a [u8]) -> Result<(), Problem> {
        let unreadable = |error: wasmparser_wit::BinaryReaderError| error.to_string();
        match payload {
            Payload::Version { .. } | Payload::CustomSection(_) => {}
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    self.instances.push(Instance::of(instance.map_err(unreadable)?));
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    self.alias(alias.map_err(unreadable)?)?;
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section.clone() {
                    self.canonical(function.map_err(unreadable)?)?;
                }
            }
            other => {
                let (id, range) = other.as_section().ok_or_else(|| format!("{other:?} is no section"))?;
                self.pieces.push(Piece::Section(id, memory::slice(bytes, range)));
            }
        }
        Ok(())
    }

    fn alias(&mut self, alias: ComponentAlias<'a>) -> Result<(), Problem> {
        match alias {
            ComponentAlias::CoreInstanceExport { kind: ExternalKind::Func, instance_index, name } => {
                self.functions.push(Function::Export { instance: instance_index, name: name.to_owned() });
            }
            // The guest's memory and the table of the stubs.
            ComponentAlias::CoreInstanceExport { .. } => {}
            ComponentAlias::InstanceExport { kind, instance_index, name } => {
                let kind = match kind {
                    ComponentExternalKind::Func => ComponentExportKind::Func,
                    ComponentExternalKind::Type => ComponentExportKind::Type,
                    other => return Err(format!("an alias of a {other:?} is unknown")),
                };
                self.pieces.push(Piece::Alias { kind, instance: instance_index, name });
            }
            ComponentAlias::Outer { .. } => return Err("an alias of something outer is unknown".into()),
        }
        Ok(())
    }

    fn canonical(&mut self, function: CanonicalFunction) -> Result<(), Problem> {
        match function {
            CanonicalFunction::Lower { func_index, options } => {
                self.functions.push(Function::Lowered { function: func_index, options: options.into() });
            }
            CanonicalFunction::Lift { core_func_index, type_index, options } => {
                self.pieces.push(Piece::Lift { function: core_func_index, ty: type_index, options: options.into() });
            }
            other => return Err(format!("{other:?} is unknown")),
        }
        Ok(())
    }

    /// Everything again, with the core part in the place of the first export: all that it needs stands before.
    fn write(&self, split: &memory::Split) -> Result<Vec<u8>, Problem> {
        let first = self.pieces.iter().position(|piece| matches!(piece, Piece::Lift { .. }));
        let (before, exports) = self.pieces.split_at(first.unwrap_or(self.pieces.len()));
        let mut new = New::default();
        before.iter().try_for_each(|piece| new.piece(self, piece))?;
        new.core(self, split)?;
        exports.iter().try_for_each(|piece| new.piece(self, piece))?;
        Ok(new.component.finish())
    }

    /// What stands behind a function that the guest imports: a stub is filled with what the filling module is given.
    fn lowered(&self, function: u32) -> Result<&Function, Problem> {
        let missing = || format!("core function {function} is given to the guest, but is no import");
        match self.functions.get(function as usize).ok_or_else(missing)? {
            lowered @ Function::Lowered { .. } => Ok(lowered),
            Function::Export { name, .. } => {
                let filled = self.instances.iter().rev().find_map(|instance| match instance {
                    Instance::Functions(functions) => functions.get(name),
                    Instance::Module { .. } => None,
                });
                match filled.and_then(|function| self.functions.get(*function as usize)) {
                    Some(lowered @ Function::Lowered { .. }) => Ok(lowered),
                    _ => Err(missing()),
                }
            }
        }
    }
}

impl Instance {
    fn of(instance: wasmparser_wit::Instance<'_>) -> Self {
        match instance {
            wasmparser_wit::Instance::Instantiate { module_index, args } => Self::Module {
                module: module_index,
                given: args.iter().map(|given| (given.name.to_owned(), given.index)).collect(),
            },
            wasmparser_wit::Instance::FromExports(exports) => {
                let functions = exports.iter().filter(|export| export.kind == ExternalKind::Func);
                Self::Functions(functions.map(|export| (export.name.to_owned(), export.index)).collect())
            }
        }
    }
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
