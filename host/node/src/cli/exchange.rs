//! `caldera import` and `caldera export`.

use std::path::{Path, PathBuf};

use alloy_primitives::Address;
use caldera_chain::{ChainSpec, ExportOptions};
use caldera_state::StateOptions;

use super::{
    exchange_args::{ExportArgs, ImportArgs, PlaceArgs},
    run::blocking,
};
use crate::{
    config::{self, CompileConfig, Config},
    error::CommandError,
    export::{self, ExportRequest},
    genesis_file,
    import::{self, ImportRequest},
    node::{self, NodeError},
    output::Output,
    paths,
};

/// A chain on the disk.
struct Place {
    chain: ChainSpec,
    genesis: Option<PathBuf>,
    folder: PathBuf,
    options: StateOptions,
    compile: CompileConfig,
}

impl Place {
    /// The chain that the arguments mean; without a configuration, one that `genesis` began, or the file in its folder.
    fn of(args: &PlaceArgs, genesis: Option<&Path>) -> Result<Self, CommandError> {
        if let Some(file) = &args.config {
            return Self::configured(&Config::load(file)?, &args.chain);
        }
        // What is told of it must hold for a configuration in another folder too.
        let data = std::path::absolute(args.data.clone().unwrap_or_else(paths::data_folder))
            .map_err(|source| CommandError::Io { action: "find the folder of the data", source })?;
        let folder = data.join(&args.chain);
        let kept = folder.join(genesis_file::NAME);
        let genesis = genesis.map_or(kept, Path::to_owned);
        if !genesis.exists() && folder.exists() {
            return Err(CommandError::Usage(format!(
                "{} has no {}, so it was not brought in: name the chain's configuration by --config",
                folder.display(),
                genesis_file::NAME
            )));
        }
        // Nobody governs what is only brought in; whoever serves it names the governor.
        let chain = config::imported_spec(&args.chain, genesis_file::read(&genesis)?, Address::ZERO, false);
        let (options, compile) = (StateOptions::found_in(&folder), CompileConfig::default());
        Ok(Self { chain, genesis: Some(genesis), folder, options, compile })
    }

    fn configured(config: &Config, name: &str) -> Result<Self, CommandError> {
        let genesis = config.chain(name)?.genesis.clone();
        let spec = config.spec()?;
        let chain = spec.chains.iter().find(|chain| chain.name == name).cloned();
        let chain = chain.ok_or_else(|| CommandError::Usage(format!("there is no chain '{name}'")))?;
        let (folder, options) = (spec.chain_folder(name), spec.state_options(name));
        Ok(Self { chain, genesis, folder, options, compile: config.compile })
    }
}

/// Brings a chain in.
pub async fn import(args: ImportArgs, output: Output) -> Result<(), CommandError> {
    let work = move || -> Result<_, CommandError> {
        let Place { chain, genesis, folder, options, compile } = Place::of(&args.place, args.genesis.as_deref())?;
        let genesis = genesis.ok_or_else(|| {
            let name = &args.place.chain;
            CommandError::Usage(format!("chain '{name}' of the configuration has no `genesis`: it begins here"))
        })?;
        let engines = node::engines(1, None, &compile).map_err(NodeError::from)?;
        Ok(import::import(ImportRequest { chain, genesis, blocks: args.blocks, folder, options }, &engines, output)?)
    };
    output.report(&blocking(work).await?);
    Ok(())
}

/// Writes a chain for other clients.
pub async fn export(args: ExportArgs, output: Output) -> Result<(), CommandError> {
    let work = move || -> Result<_, CommandError> {
        let Place { chain, folder, compile, .. } = Place::of(&args.place, None)?;
        let engines = node::engines(1, None, &compile).map_err(NodeError::from)?;
        let options = ExportOptions { to: args.to, unverified: args.unverified };
        let request = ExportRequest { chain, folder, blocks: args.blocks, genesis: args.genesis, options };
        Ok(export::export(request, &engines, output)?)
    };
    output.report(&blocking(work).await?);
    Ok(())
}
