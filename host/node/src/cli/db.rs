//! `caldera db`.

use std::path::{Path, PathBuf};

use caldera_state::StateOptions;

use super::{
    db_args::{ChainSpecArgs, DbCommand, FolderArgs, RepairArgs},
    run::blocking,
    tools,
};
use crate::{
    config::Config,
    db::{self, DbError, Place, RepairRequest},
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

fn repair(args: RepairArgs, output: Output) -> Result<(), CommandError> {
    let RepairArgs { chain, remove_old } = args;
    let ChainSpecArgs { config, dev: _, data, plugins, chain } = chain;
    let (spec, engines) = tools::spec(config.as_deref(), plugins, &chain)?;
    let options = spec.state_options(&chain);
    let data: PathBuf = data.unwrap_or_else(|| spec.data.clone());
    let place = Place { folder: data.join(&chain), options };
    let chain = tools::chain(&spec, &chain)?;
    if !place.folder.is_dir() {
        return Err(DbError::NoFolder(place.folder).into());
    }
    output.report(&db::repair(RepairRequest { chain, place, remove_old }, engines, output)?);
    Ok(())
}
