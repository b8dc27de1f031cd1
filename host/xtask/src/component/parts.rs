//! What wit-component made, taken apart: core pieces by index, everything else as it stands.

use std::collections::BTreeMap;

use wasm_encoder::ComponentExportKind;
use wasmparser_wit::{
    BinaryReaderError, CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ExternalKind, Parser,
    Payload,
};

use super::{lean::Problem, memory};

/// A core function of the component.
#[derive(Clone, Debug)]
pub enum Function {
    /// An export of a core instance.
    Export { instance: u32, name: String },
    /// An import of the component, lowered.
    Lowered { function: u32, options: Vec<CanonicalOption> },
}

/// A core instance of the component.
pub enum Instance {
    /// Of a module, with what it is given by name.
    Module { module: u32, given: Vec<(String, u32)> },
    /// Of core functions (and a table, which only the stubs need).
    Functions(BTreeMap<String, u32>),
}

/// A piece of the component to be written again.
pub enum Piece<'a> {
    /// A section as it is.
    Section(u8, &'a [u8]),
    /// An alias of something that is not core.
    Alias { kind: ComponentExportKind, instance: u32, name: &'a str },
    /// An export of the guest, lifted.
    Lift { function: u32, ty: u32, options: Vec<CanonicalOption> },
}

/// What wit-component made.
#[derive(Default)]
pub struct Old<'a> {
    pub modules: Vec<&'a [u8]>,
    pub instances: Vec<Instance>,
    pub functions: Vec<Function>,
    pub pieces: Vec<Piece<'a>>,
}

impl<'a> Old<'a> {
    /// Reads it.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Problem> {
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
        let unreadable = |error: BinaryReaderError| error.to_string();
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

    /// What stands behind a function that the guest imports: a stub is filled with what the filling module is given.
    pub fn lowered(&self, function: u32) -> Result<&Function, Problem> {
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
