//! The file in which geth and others describe block 0 of a chain.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use caldera_execution::{EthereumGenesis, GenesisError};

/// Its usual name, under which a chain's folder keeps the one that it was brought in with.
pub const NAME: &str = "genesis.json";
/// The name of a copy that is not whole yet.
pub(crate) const UNFINISHED: &str = "genesis.json.unfinished";

/// Why a genesis file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GenesisFileError {
    /// It cannot be read.
    #[error("cannot read the genesis file {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It says nothing that could be executed.
    #[error("genesis file {}: {source}", path.display())]
    Unfit {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: GenesisError,
    },
}

/// Reads one.
pub fn read(path: &Path) -> Result<Arc<EthereumGenesis>, GenesisFileError> {
    let text = fs::read(path).map_err(|source| GenesisFileError::Unreadable { path: path.to_owned(), source })?;
    let genesis = EthereumGenesis::parse(&text);
    genesis.map(Arc::new).map_err(|source| GenesisFileError::Unfit { path: path.to_owned(), source })
}
