//! The wish to stop: SIGINT or SIGTERM.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::CommandError;

/// Catches the signals from the moment it is made, so that none is missed while a node starts.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Starts to listen.
    pub fn catch() -> Result<Self, CommandError> {
        let listen = |kind| signal(kind).map_err(|source| CommandError::Io { action: "listen to signals", source });
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for the first one and says which.
    pub async fn wait(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
