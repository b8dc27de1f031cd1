//! `caldera follow`.

use std::{path::PathBuf, time::Duration};

use caldera_engine::Engines;

use super::{args::FollowArgs, dev::DataFolder, node as node_command, run::blocking, signals::Signals};
use crate::{
    admin::AdminSpec,
    config::{CompileConfig, Config},
    dev,
    error::CommandError,
    node::{self, Node, NodeError, NodeSpec},
    output::Output,
    paths,
};

/// Beside the port of JSON-RPC that is the default.
const ADMIN_PORT: u16 = 8556;
/// No blocks come by the clock here.
const UNUSED_INTERVAL: Duration = Duration::from_millis(250);

/// Executes and serves another node's chains until a signal comes.
pub async fn run(args: FollowArgs, output: Output) -> Result<(), CommandError> {
    let signals = Signals::catch()?;
    let (leader, only) = place(&args)?;
    // A temporary folder lives as long as the node.
    let (mut spec, engines, _folder) = match &args.config {
        Some(file) => {
            let config = Config::load(file)?;
            let spec = config.spec()?;
            let engines = runtime(spec.chains.len(), spec.data.clone(), config.compile).await?;
            (spec, engines, None)
        }
        None => {
            let folder = DataFolder::new(args.data.clone())?;
            let engines = runtime(dev::CHAINS, folder.path(), CompileConfig::default()).await?;
            (dev_spec(&args, folder.path(), engines.clone()).await?, engines, Some(folder))
        }
    };
    if let Some(only) = &only {
        spec.chains.retain(|chain| chain.name == *only);
    }
    if spec.chains.is_empty() {
        let only = only.unwrap_or_default();
        return Err(CommandError::Usage(format!("the configuration has no chain '{only}' that could be followed")));
    }
    let url = |name: &str| format!("{leader}/chains/{name}");
    spec.follow = spec.chains.iter().map(|chain| (chain.name.clone(), url(&chain.name))).collect();
    // The leader carries, and has the validators.
    spec.carry = None;
    let data = spec.data.display().to_string();
    let node = Node::start(spec, engines).await?;
    output.report(&node_command::ready(&node, data, &[])?);
    node_command::until_signal(node, signals, output).await
}

/// The other node, and the chain if it is named.
fn place(args: &FollowArgs) -> Result<(String, Option<String>), CommandError> {
    if !args.rpc.starts_with("http://") {
        let why =
            "--rpc must begin with http://: blocks are asked for by HTTP; put a proxy with TLS between if need be";
        return Err(CommandError::Usage(why.to_owned()));
    }
    let rpc = args.rpc.trim_end_matches('/');
    let (leader, named) = match rpc.split_once("/chains/") {
        Some((leader, name)) => (leader, Some(name.to_owned())),
        None => (rpc, None),
    };
    match (named, &args.chain) {
        (Some(named), Some(chain)) if named != *chain => {
            Err(CommandError::Usage(format!("--rpc names the chain '{named}', --chain '{chain}'")))
        }
        (named, chain) => Ok((leader.to_owned(), named.or_else(|| chain.clone()))),
    }
}

async fn runtime(chains: usize, data: PathBuf, compile: CompileConfig) -> Result<Engines, CommandError> {
    let made = blocking(move || node::engines(chains, Some(&data), &compile)).await;
    Ok(made.map_err(NodeError::from)?)
}

/// The chains of `caldera dev`, as this node has them.
async fn dev_spec(args: &FollowArgs, data: PathBuf, engines: Engines) -> Result<NodeSpec, CommandError> {
    let plugins = args.plugins.clone().unwrap_or_else(paths::plugins_folder);
    let accounts = dev::accounts().map_err(dev::DevError::from)?;
    let (port, admin_port) = (args.port, args.admin_port.unwrap_or(if args.port == 0 { 0 } else { ADMIN_PORT }));
    let work = move || dev::node_spec(port, &plugins, data, UNUSED_INTERVAL, &accounts, &engines);
    let mut spec = blocking(work).await?;
    spec.admin = AdminSpec::local(admin_port);
    Ok(spec)
}
