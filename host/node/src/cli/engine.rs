//! `caldera engine`.

use super::args::{ChainArgs, EngineCommand};
use crate::{
    ctl::{self, ArmRequest, StageRequest, When},
    error::CommandError,
    output::Output,
    rpc::{Endpoint, Rpc},
};

/// The node that a command means when no URL is given.
const LOCAL_NODE: &str = "http://127.0.0.1:8545";

/// Runs an engine command against a live chain.
pub async fn run(command: EngineCommand, output: Output) -> Result<(), CommandError> {
    match command {
        EngineCommand::Ls(chain) => output.report(&ctl::list(&connect(&chain)?).await?),
        EngineCommand::Status(chain) => output.report(&ctl::status(&connect(&chain)?).await?),
        EngineCommand::Stage { file, engine, chain, key } => {
            let request = StageRequest { file, grants: engine.grants, limits: engine.limits(), key_file: key.key_file };
            output.report(&ctl::stage(&connect(&chain)?, &request).await?);
        }
        EngineCommand::Arm { digest, mount, height, r#in, config, chain, key } => {
            let when = match (height, r#in) {
                (Some(height), _) => When::Height(height),
                (None, Some(blocks)) => When::In(blocks),
                (None, None) => return Err(CommandError::Usage("give --height or --in".to_owned())),
            };
            let request = ArmRequest { mount, digest, when, config, key_file: key.key_file };
            output.report(&ctl::arm(&connect(&chain)?, &request).await?);
        }
    }
    Ok(())
}

/// A client of the chain that the arguments mean.
pub(super) fn connect(chain: &ChainArgs) -> Result<Rpc, CommandError> {
    let endpoint = match &chain.rpc {
        Some(url) => Endpoint { http: url.clone() },
        None => Endpoint::of(LOCAL_NODE, &chain.chain),
    };
    Ok(Rpc::new(endpoint)?)
}
