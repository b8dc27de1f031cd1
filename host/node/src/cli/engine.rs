//! `caldera engine`.

use std::path::PathBuf;

use alloy_primitives::Bytes;
use caldera_execution::shadow::ShadowLimits;

use super::{
    args::ChainArgs,
    engine_args::{AdminArgs, ConfigArgs, EngineCommand, ShadowCommand},
    engine_replay_args::EngineReplayArgs,
    run::blocking,
};
use crate::{
    component,
    config::CompileConfig,
    ctl::{
        self, Admin, AdminClientError, AdminPlace, ArmRequest, CallBack, CtlError, ShadowCandidate, ShadowStart,
        StageRequest, WatchRequest, When,
    },
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
        EngineCommand::Replay(args) => replay(args, output).await?,
        EngineCommand::Ls { chain, admin } => {
            let rpc = connect(&chain)?;
            let list = ctl::list(&rpc).await?;
            output.report(&list.with_node(operate(&admin, &rpc).await).await);
        }
        EngineCommand::Status(chain) => output.report(&ctl::status(&connect(&chain)?).await?),
        EngineCommand::Stage { file, engine, chain, admin, key } => {
            let rpc = connect(&chain)?;
            let admin = operate(&admin, &rpc).await.map_err(CtlError::from)?;
            let request = StageRequest { file, grants: engine.grants, limits: engine.limits(), key_file: key.key_file };
            output.report(&ctl::stage(&rpc, &admin, &request).await?);
        }
        EngineCommand::Prepare { digest, chain, admin } => {
            let admin = operate(&admin, &connect(&chain)?).await.map_err(CtlError::from)?;
            output.report(&ctl::prepare(&admin, digest).await?);
        }
        EngineCommand::Arm { digest, mount, height, r#in, config, probation, watch, chain, admin, key } => {
            let when = match (height, r#in) {
                (Some(height), _) => When::Height(height),
                (None, Some(blocks)) => When::In(blocks),
                (None, None) => return Err(CommandError::Usage("give --height or --in".to_owned())),
            };
            let (config, probation) = (configuration(config)?.unwrap_or_default(), probation.rule());
            let request = ArmRequest { mount, digest, when, config, probation, key_file: key.key_file };
            let rpc = connect(&chain)?;
            let admin = operate(&admin, &rpc).await.map_err(CtlError::from)?;
            let armed = ctl::arm(&rpc, &admin, &request).await?;
            output.report(&armed);
            if watch {
                let request = WatchRequest { mount: Some(armed.mount), from: Some(armed.block + 1), follow: false };
                ctl::watch(&rpc, request, output).await?;
            }
        }
        EngineCommand::Disarm { mount, chain, key } => {
            let rpc = connect(&chain)?;
            output.report(&ctl::call_back(&rpc, CallBack::Armed, mount, key.key_file.as_ref()).await?);
        }
        EngineCommand::Abort { mount, chain, key } => {
            let rpc = connect(&chain)?;
            output.report(&ctl::call_back(&rpc, CallBack::Migration, mount, key.key_file.as_ref()).await?);
        }
        EngineCommand::Watch { mount, from, follow, chain } => {
            ctl::watch(&connect(&chain)?, WatchRequest { mount, from, follow }, output).await?;
        }
        EngineCommand::Shadow(command) => shadow(command, output).await?,
    }
    Ok(())
}

async fn shadow(command: ShadowCommand, output: Output) -> Result<(), CommandError> {
    match command {
        ShadowCommand::Start { file, digest, mount, grants, config, share, every, samples, chain, admin } => {
            let candidate = match (digest, file) {
                (Some(digest), _) => ShadowCandidate::Staged(digest),
                (None, Some(file)) => ShadowCandidate::File(file),
                (None, None) => return Err(CommandError::Usage("give a file or --digest".to_owned())),
            };
            let config = configuration(config)?;
            let start = ShadowStart { mount, candidate, grants, config, share_percent: share, every, samples };
            let rpc = connect(&chain)?;
            let admin = operate(&admin, &rpc).await.map_err(CtlError::from)?;
            output.report(&ctl::shadow_start(&rpc, &admin, &start).await?);
        }
        ShadowCommand::Stop(args) => {
            let rpc = connect(&args.chain)?;
            let admin = operate(&args.admin, &rpc).await.map_err(CtlError::from)?;
            output.report(&ctl::shadow_stop(&rpc, &admin, args.mount).await?);
        }
        ShadowCommand::Report(args) => {
            let rpc = connect(&args.chain)?;
            let admin = operate(&args.admin, &rpc).await.map_err(CtlError::from)?;
            output.report(&ctl::shadow_report(&rpc, &admin, args.mount).await?);
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
    let engines = node::engines(1, None, &CompileConfig::default()).map_err(NodeError::from)?;
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

/// A client of the admin API of the node that runs the chain.
async fn operate(admin: &AdminArgs, rpc: &Rpc) -> Result<Admin, AdminClientError> {
    let AdminArgs { admin: url, admin_token_file: token_file, data } = admin;
    let place = AdminPlace { url: url.clone(), token_file: token_file.clone(), data: data.clone() };
    Admin::of(&place, rpc).await
}

/// The configuration that the arguments give, if any.
fn configuration(config: ConfigArgs) -> Result<Option<Bytes>, CommandError> {
    let Some(path) = config.config else { return Ok(config.config_hex) };
    match std::fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes.into())),
        Err(source) => Err(CtlError::File { path, source }.into()),
    }
}
