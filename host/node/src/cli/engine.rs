//! `caldera engine`.

use std::path::PathBuf;

use alloy_primitives::Bytes;
use caldera_execution::shadow::ShadowLimits;

use super::{
    args::{ChainArgs, EngineCommand, EngineReplayArgs},
    run::blocking,
};
use crate::{
    component,
    ctl::{self, ArmRequest, StageRequest, When},
    engine_replay::{self, Blocks, EngineReplayRequest},
    error::CommandError,
    node::{self, NodeError},
    output::Output,
    paths,
    rpc::{Endpoint, Rpc},
};

/// The node that a command means when no URL is given.
const LOCAL_NODE: &str = "http://127.0.0.1:8545";

/// Runs an engine command against a live chain.
pub async fn run(command: EngineCommand, output: Output) -> Result<(), CommandError> {
    match command {
        EngineCommand::Ls(chain) => output.report(&ctl::list(&connect(&chain)?).await?),
        EngineCommand::Replay(args) => replay(args, output).await?,
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

/// Compares over a folder's blocks; what diverges is reported first and then ends the command.
async fn replay(args: EngineReplayArgs, output: Output) -> Result<(), CommandError> {
    let request = EngineReplayRequest {
        data: args.data.unwrap_or_else(paths::data_folder),
        chain: args.chain,
        mount: args.mount,
        candidate: component::read(&args.candidate)?,
        config: args.config.map(read_config).transpose()?,
        blocks: args.last.map_or(Blocks::Range(args.from, args.to), Blocks::Last),
        limits: ShadowLimits {
            samples: args.samples,
            fuel_per_thousand: args.fuel_tolerance.saturating_mul(10),
            ..ShadowLimits::recommended()
        },
        report: args.report,
    };
    let engines = node::engines(1).map_err(NodeError::from)?;
    let replayed = blocking(move || engine_replay::replay(&request, &engines, output)).await?;
    output.report(&replayed);
    replayed.disagreement().map_or(Ok(()), |why| Err(CommandError::Diverged(why)))
}

fn read_config(path: PathBuf) -> Result<Bytes, CommandError> {
    let bytes = std::fs::read(path).map_err(|source| CommandError::Io { action: "read the configuration", source })?;
    Ok(bytes.into())
}

/// A client of the chain that the arguments mean.
pub(super) fn connect(chain: &ChainArgs) -> Result<Rpc, CommandError> {
    let endpoint = match &chain.rpc {
        Some(url) => Endpoint { http: url.clone() },
        None => Endpoint::of(LOCAL_NODE, &chain.chain),
    };
    Ok(Rpc::new(endpoint)?)
}
