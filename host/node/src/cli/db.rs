//! `caldera db` and `caldera snapshot`.

use std::path::{Path, PathBuf};

use caldera_chain::ChainSpec;
use caldera_engine::Engines;
use caldera_state::StateOptions;

use super::{
    db_args::{ChainSpecArgs, DbCommand, FolderArgs, RepairArgs, SnapshotCommand},
    run::blocking,
    tools,
};
use crate::{
    config::Config,
    db::{self, DbError, ImportRequest, Place, RepairRequest},
    error::CommandError,
    output::Output,
};

/// Runs a command on the folder of a chain whose node does not run.
pub async fn run(command: DbCommand, output: Output) -> Result<(), CommandError> {
    blocking(move || match command {
        DbCommand::Stats(args) => {
            output.report(&db::stats(&place(args)?, output)?);
            Ok(())
        }
        DbCommand::Verify(args) => {
            let verified = db::verify(&place(args)?, output)?;
            output.report(&verified);
            match verified.findings.len() {
                0 => Ok(()),
                count => Err(CommandError::Damaged(format!(
                    "{count} findings: `caldera db repair` rebuilds the store from the block log; a damaged log has to come \
                     from a copy"
                ))),
            }
        }
        DbCommand::Compact(args) => {
            output.report(&db::compact(&place(args)?, output)?);
            Ok(())
        }
        DbCommand::Repair(args) => repair(args, output),
    })
    .await
}

/// The folder, and how its state is kept there.
fn place(args: FolderArgs) -> Result<Place, CommandError> {
    match (args.folder, args.config, args.chain) {
        (Some(folder), _, _) => Ok(Place { options: StateOptions::found_in(&folder), folder }),
        (None, Some(config), Some(chain)) => of_config(&config, &chain),
        // clap asks for one of the two.
        _ => Err(CommandError::Usage("say --folder DIR, or --config FILE and --chain NAME".to_owned())),
    }
}

fn of_config(config: &Path, chain: &str) -> Result<Place, CommandError> {
    let config = Config::load(config)?;
    config.chain(chain)?;
    let options = config.state_options(chain)?;
    Ok(Place { folder: config.data.join(chain), options })
}

/// Runs a snapshot command on the folder of a chain whose node does not run.
pub async fn snapshot(command: SnapshotCommand, output: Output) -> Result<(), CommandError> {
    blocking(move || {
        match command {
            SnapshotCommand::Export { file, folder, block } => {
                output.report(&db::export(&place(folder)?, block, &file, output)?);
            }
            SnapshotCommand::Import { file, chain, block_hash } => {
                let (chain, place, engines) = chain_of(chain)?;
                let request = ImportRequest { chain, place, file, block_hash };
                output.report(&db::import(request, engines, output)?);
            }
        }
        Ok(())
    })
    .await
}

fn repair(args: RepairArgs, output: Output) -> Result<(), CommandError> {
    let (chain, place, engines) = chain_of(args.chain)?;
    if !place.folder.is_dir() {
        return Err(DbError::NoFolder(place.folder).into());
    }
    let request = RepairRequest { chain, place, remove_old: args.remove_old };
    output.report(&db::repair(request, engines, output)?);
    Ok(())
}

/// The chain with its genesis, its folder, and an engine runtime for it.
fn chain_of(args: ChainSpecArgs) -> Result<(ChainSpec, Place, Engines), CommandError> {
    let ChainSpecArgs { config, dev: _, data, plugins, chain: name } = args;
    let (spec, engines) = tools::spec(config.as_deref(), plugins, &name)?;
    let data: PathBuf = data.unwrap_or_else(|| spec.data.clone());
    let place = Place { folder: data.join(&name), options: spec.state_options(&name) };
    Ok((tools::chain(&spec, &name)?, place, engines))
}
