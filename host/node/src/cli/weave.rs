//! `caldera weave`.

use super::{
    args::ChainArgs,
    engine::connect,
    weave_args::{UnitArgs, WeaveCommand},
};
use crate::{
    error::CommandError,
    output::Output,
    weave_ctl::{self, EngineConfig, LinkRequest, ProveRequest, UnitName},
};

/// Runs a weave command against live chains.
pub async fn run(command: WeaveCommand, output: Output) -> Result<(), CommandError> {
    match command {
        WeaveCommand::Units { owner, from, engine, chain } => {
            output.report(&weave_ctl::units(&connect(&chain)?, engine.engine, owner, from).await?);
        }
        WeaveCommand::Prove { unit, block, out, engine, chain } => {
            let request = ProveRequest { unit: name(&unit)?, block, engine: engine.engine, out };
            output.report(&weave_ctl::prove(&connect(&chain)?, &request).await?);
        }
        WeaveCommand::Accept { file, engine, chain, key } => {
            let rpc = connect(&chain)?;
            output.report(&weave_ctl::accept(&rpc, &file, engine.engine, key.key_file.as_deref()).await?);
        }
        WeaveCommand::Roots { origin, last, engine, chain } => {
            output.report(&weave_ctl::roots(&connect(&chain)?, engine.engine, origin, last).await?);
        }
        WeaveCommand::Link { origin, max_lag, committee_root, engine, chain, key } => {
            let request = LinkRequest {
                engine: engine.engine,
                origin_engine: origin.origin_engine,
                max_lag,
                committee_root,
                key_file: key.key_file,
            };
            let origin = ChainArgs { rpc: origin.origin_rpc, chain: origin.origin.unwrap_or_default() };
            output.report(&weave_ctl::link(&connect(&chain)?, &connect(&origin)?, &request).await?);
        }
        WeaveCommand::Config { governor, unbond_seconds, reward_bps } => {
            output.report(&EngineConfig::new(governor, unbond_seconds, reward_bps));
        }
    }
    Ok(())
}

fn name(args: &UnitArgs) -> Result<UnitName, CommandError> {
    match (args.unit, args.kind, args.owner, args.key) {
        (Some(id), ..) => Ok(UnitName::Id(id)),
        (None, Some(kind), Some(owner), Some(key)) => Ok(UnitName::Of(kind, owner, key, args.serial)),
        _ => Err(CommandError::Usage("name the unit by --unit, or by --kind, --owner and --key".to_owned())),
    }
}
