//! Why a command failed, and with which exit code: 0 is done, 1 failed, 2 was asked wrongly, 3 found
//! that a candidate diverges, 4 that a folder is damaged.

use crate::{
    check::CheckError,
    component::ReadError,
    config::ConfigError,
    ctl::CtlError,
    db::DbError,
    dev::{DevError, LinkError},
    engine_replay::EngineReplayError,
    export::ExportCommandError,
    genesis_file::GenesisFileError,
    import::ImportCommandError,
    node::NodeError,
    obligations::ObligationsError,
    replay::ReplayError,
    rpc::{KeyError, RpcError},
    tour::TourError,
    verify::VerifyCommandError,
    weave::CarryError,
};

/// Exit code of a command that failed.
pub const FAILED: u8 = 1;
/// Exit code of a command that makes no sense as it was given; the same as clap's.
pub const USAGE: u8 = 2;

/// Exit code of a comparison that was made and found differences.
pub const DIVERGED: u8 = 3;

/// Exit code of a check that was made and found damage.
pub const DAMAGED: u8 = 4;

/// Why a command failed. Each message says what was wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The arguments contradict each other.
    #[error("{0}")]
    Usage(String),
    /// A signal came before the work was done.
    #[error("stopped by {0} before the tour was done")]
    Interrupted(&'static str),
    /// `caldera.toml`.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The development chains.
    #[error(transparent)]
    Dev(#[from] DevError),
    /// Carrying between chains.
    #[error(transparent)]
    Carry(#[from] CarryError),
    /// The links between the development chains.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// What a development chain is told.
    #[error(transparent)]
    Told(#[from] caldera_chain::DevError),
    /// The node.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// An engine command.
    #[error(transparent)]
    Ctl(#[from] CtlError),
    /// A component's file.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A component's check.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// Loading obligations.
    #[error(transparent)]
    Obligations(#[from] ObligationsError),
    /// A replay.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A verification, or the files for one.
    #[error(transparent)]
    Verify(#[from] VerifyCommandError),
    /// An import.
    #[error(transparent)]
    Import(#[from] ImportCommandError),
    /// An export.
    #[error(transparent)]
    Export(#[from] ExportCommandError),
    /// A genesis file.
    #[error(transparent)]
    Genesis(#[from] GenesisFileError),
    /// A comparison over a folder's blocks.
    #[error(transparent)]
    EngineReplay(#[from] EngineReplayError),
    /// A candidate is not what runs.
    #[error("{0}")]
    Diverged(String),
    /// The folder of a chain.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Something in it is wrong.
    #[error("{0}")]
    Damaged(String),
    /// A request to a chain.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The tour.
    #[error(transparent)]
    Tour(#[from] TourError),
    /// The machine.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Why not.
        source: std::io::Error,
    },
}

impl CommandError {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Config(_) => USAGE,
            Self::Diverged(_) => DIVERGED,
            Self::Damaged(_) => DAMAGED,
            _ => FAILED,
        }
    }
}
