//! `caldera plugin`, `caldera obligations` and `caldera replay`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use caldera_chain::ChainSpec;
use caldera_engine::Engines;

use super::{
    args::{ObligationsCommand, PluginCommand, ReplayArgs},
    engine::connect,
    run::blocking,
};
use crate::{
    check, component,
    config::Config,
    dev,
    error::CommandError,
    node::{self, NodeError, NodeSpec},
    obligations,
    output::Output,
    paths,
    replay::{self, ReplayRequest},
};

/// Checks a plugin's file.
pub async fn plugin(command: PluginCommand, output: Output) -> Result<(), CommandError> {
    let PluginCommand::Check { file, engine } = command;
    let component = component::read(&file)?;
    let (grants, limits) = (engine.grants, engine.limits());
    output.report(&blocking(move || check::check(&component, grants, &limits)).await?);
    Ok(())
}

/// Loads obligations.
pub async fn obligations(command: ObligationsCommand, output: Output) -> Result<(), CommandError> {
    let ObligationsCommand::Load { file, clearing, chain, key } = command;
    let rpc = connect(&chain)?;
    output.report(&obligations::load_file(&rpc, clearing, &file, key.key_file.as_deref()).await?);
    Ok(())
}

/// Executes a block log again.
pub async fn replay(args: ReplayArgs, output: Output) -> Result<(), CommandError> {
    output.report(&blocking(move || replay_blocking(args)).await?);
    Ok(())
}

fn replay_blocking(args: ReplayArgs) -> Result<replay::Replayed, CommandError> {
    let (spec, engines) = spec(args.config.as_deref(), args.plugins, &args.chain)?;
    let options = spec.state_options(&args.chain);
    let chain = chain(&spec, &args.chain)?;
    let request = ReplayRequest { chain, log: args.log, out: args.out, options };
    Ok(replay::replay(request, engines)?)
}

/// What the chains of a configuration start from, or those of `caldera dev`, with an engine runtime for one of them.
pub(super) fn spec(
    config: Option<&Path>,
    plugins: Option<PathBuf>,
    chain: &str,
) -> Result<(NodeSpec, Engines), CommandError> {
    let config = config.map(Config::load).transpose()?;
    let compile = config.as_ref().map(|config| config.compile).unwrap_or_default();
    let engines = node::engines(1, None, &compile).map_err(NodeError::from)?;
    let spec = match config {
        Some(config) => {
            config.chain(chain)?;
            config.spec()?
        }
        None => {
            let plugins = plugins.unwrap_or_else(paths::plugins_folder);
            let accounts = dev::accounts().map_err(dev::DevError::from)?;
            // Neither port nor folder nor interval is part of what a chain is.
            dev::node_spec(0, &plugins, Path::new(".").to_owned(), Duration::from_secs(1), &accounts, &engines)?
        }
    };
    Ok((spec, engines))
}

/// The chain of that name.
pub(super) fn chain(spec: &NodeSpec, name: &str) -> Result<ChainSpec, CommandError> {
    let known = || spec.chains.iter().map(|chain| chain.name.clone()).collect::<Vec<_>>().join(", ");
    let found = spec.chains.iter().find(|chain| chain.name == name).cloned();
    found.ok_or_else(|| CommandError::Usage(format!("there is no chain '{name}'; there are: {}", known())))
}
