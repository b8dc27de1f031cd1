//! Components as files.

use std::{
    io,
    path::{Path, PathBuf},
};

use caldera_types::{Component, ComponentError};

/// Why a file gives no component.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("cannot read the component {}: {source}; `cargo xtask plugins` builds this project's into target/plugins", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The bytes are no component.
    #[error("{}: {source}", path.display())]
    Refused {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: ComponentError,
    },
}

/// Reads a component's file. Only its size is checked here.
pub fn read(path: &Path) -> Result<Component, ReadError> {
    let bytes = std::fs::read(path).map_err(|source| ReadError::Unreadable { path: path.to_owned(), source })?;
    Component::new(bytes).map_err(|source| ReadError::Refused { path: path.to_owned(), source })
}
